/** The bits of a virtual board's flash, in memory or in a file that the user names. */
import { fileStore, memoryStore, type FlashStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { badValue } from '../../usage-error.js';

/** @param option as the user writes it @throws UsageError; the operating system's error */
export function openFlash(option: string, file: string | undefined, bytes: number): FlashStore {
  if (file === undefined) return memoryStore(bytes);
  try {
    return fileStore(file, bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw badValue(option, file, `a file of ${bytes} bytes, or none yet (${error.message})`, 'board.flash');
  }
}
