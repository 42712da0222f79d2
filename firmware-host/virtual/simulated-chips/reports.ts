/** What nextpnr's log says of a design. */

import { toolFailed } from './gateware-error.js';

export interface Used {
  /** Of a kind of cell, as nextpnr calls it. */
  readonly name: string;
  readonly count: number;
  readonly available: number;
}

/** The table "Device utilisation" of nextpnr's log: lines such as `Info:  ICESTORM_LC:  4711/ 5280  89%`. */
export function parsePlacement(log: string): readonly Used[] {
  // The log has it twice, before and after placement; the last one counts.
  const kinds = new Map<string, Used>();
  for (const [, name = '', count, available] of log.matchAll(/^Info:\s+(\w+):\s+(\d+)\/\s*(\d+)\s+\d+%$/gm)) {
    kinds.set(name, { name, count: Number(count), available: Number(available) });
  }
  const used = [...kinds.values()].filter(({ count }) => count > 0);
  if (used.length === 0) throw toolFailed('reading the report of nextpnr-ice40', ['no table of what is used']);
  return used;
}

/**
 * The clock that the routed design may have in the worst case:
 * `Max frequency for clock 'clock': 24.63 MHz (PASS at 24.00 MHz)`.
 */
export function parseClock(log: string): { readonly megahertz: number } {
  // The first one is an estimate, before the wires are there.
  const megahertz = [...log.matchAll(/Max frequency for clock\s+'[^']+': ([\d.]+) MHz/g)].at(-1)?.[1];
  if (megahertz === undefined) throw toolFailed('reading the report of nextpnr-ice40', ['no clock in it']);
  return { megahertz: Number(megahertz) };
}
