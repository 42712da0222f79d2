/** Files that are flashed, with or without a DFU suffix. */
import { otherDevice } from '../../device/dfu/dfu-error.js';
import { ANY_ID, fitsDevice, readDfuSuffix, type DfuFileIds } from '../../device/dfu/dfu-suffix.js';
import { hex4 } from '../../device/usb/local-usb.js';
import { FileSource, ImageFile } from '../../model/image-file.js';
import { suffixDamaged } from '../../protocol/image/image-error.js';

/** A file without its suffix, and the device that the suffix is for. */
export interface FlashInputFile {
  readonly suffixBytes: number;
  readonly ids?: DfuFileIds;
}

/** Reads the suffix of a file, if it has one. @throws ImageError if it is damaged, or the file cannot be read */
function readSuffix(path: string): FlashInputFile {
  const source = new FileSource(path);
  try {
    const suffix = readDfuSuffix(source);
    if (suffix === undefined) return { suffixBytes: 0 };
    if ('problem' in suffix) throw suffixDamaged(path, suffix.problem);
    return suffix;
  } finally {
    source.close();
  }
}

/** A weight image, every byte checked, before a board hears of it. @throws ImageError */
export function openImage(path: string): FlashInputFile & { readonly image: ImageFile } {
  const file = readSuffix(path);
  return { ...file, image: ImageFile.openChecked(path, undefined, file.suffixBytes) };
}

/** Any file. @throws ImageError */
export function openAnyFile(path: string): FlashInputFile & { readonly source: FileSource } {
  const file = readSuffix(path);
  return { ...file, source: new FileSource(path, file.suffixBytes) };
}

/** @throws BoardError `board-other-device` unless the file's suffix, if there is one, is for the device */
export function checkIds(
  { ids }: FlashInputFile,
  name: string,
  device: { readonly vendor: number; readonly product: number },
): void {
  if (ids === undefined || fitsDevice(ids, device)) return;
  const text = (id: number): string => (id === ANY_ID ? 'any' : hex4(id));
  throw otherDevice(name, `${text(ids.vendor)}:${text(ids.product)}`, `${hex4(device.vendor)}:${hex4(device.product)}`);
}
