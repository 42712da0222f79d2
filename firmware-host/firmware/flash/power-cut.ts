/**
 * A power cut at a chosen flash operation: before it, after it, or in the middle, with the flash left as a real one may
 * be found. MCUboot's simulator cuts at every operation; cuts inside of one are what that once missed (its issue 1966).
 */

import { xorshift } from '../../random.js';

/** How an operation is torn. */
export const TEAR_PATTERNS = [
  /** The first part of the area was reached, the rest was not. */
  'first-part',
  /** The other way round: nobody promises an order. */
  'last-part',
  /** Each bit that was to change has, or has not. */
  'random-bits',
  /** All but one bit were done. */
  'all-but-one-bit',
] as const;

export type TearPattern = (typeof TEAR_PATTERNS)[number];

/** When in the operation the power goes. */
export type CutMoment = 'before' | 'after' | TearPattern;

export interface PowerCut {
  /** Operations that still succeed: 0 cuts at the next one. */
  readonly afterOperations: number;
  readonly at: CutMoment;
  /** Of the random choices; the same seed tears the same way. */
  readonly seed: number;
}

/** The board has no power; nothing works any more until it starts again. */
export class PowerLost extends Error {
  override readonly name = 'PowerLost';

  constructor() {
    super('the board lost power');
  }
}

/** What lies in an area after changing `from` into `to` was torn. */
export function tear(from: Uint8Array, to: Uint8Array, pattern: TearPattern, seed: number): Uint8Array {
  const random = xorshift(seed);
  const changed = Array.from(to.keys()).filter((index) => from[index] !== to[index]);
  if (changed.length === 0) return to;
  const cut = changed[random() % changed.length] ?? 0;
  const bit = 1 << lowestBit((from[cut] ?? 0) ^ (to[cut] ?? 0));
  const torn: Record<TearPattern, (index: number, old: number, value: number) => number> = {
    'first-part': (index, old, value) => (index < cut ? value : old),
    'last-part': (index, old, value) => (index < cut ? old : value),
    'random-bits': (_, old, value) => old ^ ((old ^ value) & random()),
    'all-but-one-bit': (index, _, value) => (index === cut ? value ^ bit : value),
  };
  return to.map((value, index) => torn[pattern](index, from[index] ?? 0, value));
}

function lowestBit(value: number): number {
  return 31 - Math.clz32(value & -value);
}
