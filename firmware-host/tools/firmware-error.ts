/** Everything that can go wrong with building firmware, in words. */

import { MmfreeError } from '../../protocol/errors.js';

export type FirmwareErrorCode =
  /** The compiler is not installed. */
  | 'firmware-tool-missing'
  /** The compiler ended with an error. */
  | 'firmware-tool-failed';

export class FirmwareError extends MmfreeError<FirmwareErrorCode> {}

export function compilerMissing(programs: readonly string[]): FirmwareError {
  const are = programs.length === 1 ? 'is' : 'are';
  return new FirmwareError('firmware-tool-missing', `${programs.join(', ')} ${are} not installed`, {
    reason:
      "Firmware is built with the GNU compiler for Arm's microcontrollers, which this program does not bring along.",
    fix: 'On Debian and Ubuntu: sudo apt-get install gcc-arm-none-eabi. Elsewhere: install the Arm GNU Toolchain for arm-none-eabi, and have its folder bin in PATH.',
    facts: { programs: programs.join(' '), packages: 'gcc-arm-none-eabi' },
  });
}

/** @param lines the last ones that it printed */
export function compilerFailed(
  program: string,
  input: string,
  lines: readonly string[],
  cause: unknown,
): FirmwareError {
  return new FirmwareError('firmware-tool-failed', `${program} failed at ${input}`, {
    reason: lines.length > 0 ? `It said: ${lines.join(' / ')}` : 'It said nothing.',
    fix: 'Look at what it said; GCC 12.2 of Debian 12 builds the sources as they come.',
    cause,
  });
}
