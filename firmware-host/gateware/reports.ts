/** What the tools say of a placed design. */

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

/** The result of icetime: `Total path delay: 38.02 ns (26.30 MHz)`. */
export function parseTiming(report: string): { readonly megahertz: number } {
  const [, megahertz] = /Total path delay: [\d.]+ ns \(([\d.]+) MHz\)/.exec(report) ?? [];
  if (megahertz === undefined) throw toolFailed('reading the report of icetime', ['no path delay in it']);
  return { megahertz: Number(megahertz) };
}
