/** The model that comes with the program, where the user names none. */
import { SHIPPED_IMAGE } from '../../engine/shipped.js';
import type { Output } from '../output.js';

/** The image that the user named, or else the shipped one, which is said on stderr. */
export function imageOrShipped(image: string | undefined, output: Output): string {
  if (image !== undefined) return image;
  output.note('using the shipped tales-9m on this computer');
  return SHIPPED_IMAGE;
}
