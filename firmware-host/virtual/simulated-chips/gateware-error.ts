/** Everything that can go wrong with tools for hardware, in words. */

import { MmfreeError } from '../../../protocol/errors.js';

export type GatewareErrorCode =
  /** A program that the work needs is not installed. */
  | 'gateware-tool-missing'
  /** A tool ended with an error, or did not give what was asked for. */
  | 'gateware-tool-failed';

export class GatewareError extends MmfreeError<GatewareErrorCode> {}

/** @param packages of Debian that have the programs */
export function toolsMissing(programs: readonly string[], packages: readonly string[]): GatewareError {
  const are = programs.length === 1 ? 'is' : 'are';
  return new GatewareError('gateware-tool-missing', `${programs.join(', ')} ${are} not installed`, {
    reason: 'Gateware is built and simulated with open tools that this program does not bring along.',
    fix: `On Debian and Ubuntu: sudo apt-get install ${packages.join(' ')}`,
    facts: { programs: programs.join(' '), packages: packages.join(' ') },
  });
}

/** @param lines the last ones that the tool printed */
export function toolFailed(work: string, lines: readonly string[], cause?: unknown): GatewareError {
  return new GatewareError('gateware-tool-failed', `${work} failed`, {
    reason: lines.length > 0 ? `The tool said: ${lines.join(' / ')}` : 'The tool said nothing.',
    fix: 'Look at what it said; with changed sources `npm run test:gateware` may say more, and Debian 12 has versions that work.',
    cause,
  });
}

/** The process of a simulated chip is over. */
export function simulatorEnded(how: string, lines: readonly string[]): GatewareError {
  return new GatewareError('gateware-tool-failed', `the simulated chip ended (${how})`, {
    reason: lines.length > 0 ? `It said: ${lines.join(' / ')}` : 'It said nothing.',
    fix: 'Start it again; if that repeats, report this.',
  });
}
