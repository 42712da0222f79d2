/** The model that comes with the program. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Output } from '../output.js';

const IMAGE = 'models/tales-9m/tales-9m.mmfree';

/** Path of the shipped image: three folders above `dist/cli/work/`, two above the sources, which tests run. */
export const SHIPPED_IMAGE =
  ['../../..', '../..'].map((root) => fileURLToPath(new URL(`${root}/${IMAGE}`, import.meta.url))).find(existsSync) ??
  IMAGE;

/** The image that the user named, or else the shipped one, which is said on stderr. */
export function imageOrShipped(image: string | undefined, output: Output): string {
  if (image !== undefined) return image;
  output.note('using the shipped tales-9m on this computer');
  return SHIPPED_IMAGE;
}
