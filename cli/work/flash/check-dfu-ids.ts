/** Whether a file is meant for the device that it is to go to. */
import { otherDevice } from '../../../device/dfu/dfu-error.js';
import { hex4 } from '../../../device/usb/local-usb.js';
import { ANY_ID, fitsDevice, type DfuFileIds } from '../../../protocol/dfu-suffix.js';

/** @param ids of the file's DFU suffix, if it has one @throws BoardError `board-other-device` */
export function checkDfuIds(
  ids: DfuFileIds | undefined,
  name: string,
  device: { readonly vendor: number; readonly product: number },
): void {
  if (ids === undefined || fitsDevice(ids, device)) return;
  const text = (id: number): string => (id === ANY_ID ? 'any' : hex4(id));
  throw otherDevice(name, `${text(ids.vendor)}:${text(ids.product)}`, `${hex4(device.vendor)}:${hex4(device.product)}`);
}
