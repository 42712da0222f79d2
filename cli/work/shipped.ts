/** The model that comes with the program. */
import { fileURLToPath } from 'node:url';
import type { Output } from '../output.js';

/** Path of the shipped image; `dist/cli/work/` lies three folders below the root of the package. */
export const SHIPPED_IMAGE = fileURLToPath(new URL('../../../models/tales-9m/tales-9m.mmfree', import.meta.url));

/** The image that the user named, or else the shipped one, which is said on stderr. */
export function imageOrShipped(image: string | undefined, output: Output): string {
  if (image !== undefined) return image;
  output.note('using the shipped tales-9m on this computer');
  return SHIPPED_IMAGE;
}
