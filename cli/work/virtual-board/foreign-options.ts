/** Options of `virtual-board` that only some kinds of boards take: what would be ignored is refused. */
import { UsageError } from '../../usage-error.js';
import type { VirtualBoardInput } from './input.js';

/**
 * @param kind the option that asks for this board
 * @param taken others that it takes
 * @param reason why it takes no more
 * @throws UsageError
 */
export function refuseForeignOptions(
  input: VirtualBoardInput,
  kind: string,
  taken: readonly string[],
  reason: string,
): void {
  const isGiven: Readonly<Record<string, boolean>> = {
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
    '--boot': input.boot,
    '--fault': input.faults.length > 0,
  };
  const given = Object.keys(isGiven).filter((name) => isGiven[name] && name !== kind && !taken.includes(name));
  if (given.length === 0) return;
  const names = given.join(', ');
  throw new UsageError('conflicting-options', `${kind} and ${names} exclude each other`, {
    reason,
    fix: `Leave ${names} out, or ${kind}.`,
  });
}
