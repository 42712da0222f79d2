/** The model that comes with the program. */
import { packageFile } from '../../model/package-file.js';
import type { Output } from '../output.js';

export const SHIPPED_IMAGE = packageFile('models/tales-9m/tales-9m.mmfree');

/** The image that the user named, or else the shipped one, which is said on stderr. */
export function imageOrShipped(image: string | undefined, output: Output): string {
  if (image !== undefined) return image;
  output.note('using the shipped tales-9m on this computer');
  return SHIPPED_IMAGE;
}
