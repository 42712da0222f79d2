/** Options of `virtual-board` that only some kinds of boards take: what would be ignored is refused. */
import type { VirtualBoardInput } from './input.js';

/** Which of them were given, but for those that this board takes. */
export function foreignOptions(input: VirtualBoardInput, taken: readonly string[]): string[] {
  const given: Readonly<Record<string, boolean>> = {
    '--usbip': input.usbip !== undefined,
    '--gadget': input.gadget !== undefined,
    '--ftdi': input.ftdi !== undefined,
    '--spi-flash-file': input.spiFlashFile !== undefined,
    '--dfu': input.dfu !== 'always',
    '--key-file': input.keyFile !== undefined,
    '--serial-number': input.serialNumber !== undefined,
    '--flash-file': input.flashFile !== undefined,
    '--flash-mib': input.flashMib !== 16,
    '--slots': input.slots !== '2',
    '--image': input.image !== undefined,
    '--signer': input.signer !== undefined,
    '--minimum-revision': input.minimumRevision !== 0,
    '--max-hidden': input.maxHidden !== undefined,
    '--window': input.window !== 32,
    '--rtl': input.rtl !== undefined,
    '--rtl-stats': input.rtlStats !== undefined,
    '--pico': input.pico !== undefined,
    '--fault': input.faults.length > 0,
  };
  return Object.keys(given).filter((name) => given[name] === true && !taken.includes(name));
}
