/** The way to a microcontroller in boot mode that needs no rights. */
import type { BootMode } from '../../device/usb/ids.js';

export function dragInstead({ drive }: Pick<BootMode, 'drive'>): string {
  return `or drag a file onto its drive ${drive}, which \`mmfree pack --uf2 IMAGE -o FILE.uf2\` makes`;
}
