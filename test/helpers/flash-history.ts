/** What a flash goes through: all that was done to it, and what a power cut at any moment would have left. */

import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import type { FlashStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { tear, TEAR_PATTERNS } from '../../firmware-host/firmware/flash/power-cut.js';

interface Operation {
  readonly offset: number;
  readonly to: Uint8Array;
}

/** A flash that remembers what was done to it. */
export function recorded(contents: Uint8Array): { readonly store: FlashStore; readonly operations: Operation[] } {
  const operations: Operation[] = [];
  const inner = memoryStore(contents);
  const store: FlashStore = {
    ...inner,
    write: (offset, bytes) => {
      operations.push({ offset, to: bytes.slice() });
      inner.write(offset, bytes);
    },
  };
  return { store, operations };
}

/**
 * What the flash holds before each operation, and with it torn; and after all of them, which is always among those that
 * are taken.
 *
 * @param most how many of them are taken, from everywhere
 */
export function* statesOf(
  before: Uint8Array,
  operations: readonly Operation[],
  most: number,
): Generator<readonly [string, Uint8Array]> {
  const last = (TEAR_PATTERNS.length + 1) * operations.length;
  const step = Math.max(1, Math.floor((last + 1) / most));
  let number = 0;
  for (const [what, flash] of allStates(before, operations)) {
    if ((last - number++) % step === 0) yield [what, flash()];
  }
}

function* allStates(
  before: Uint8Array,
  operations: readonly Operation[],
): Generator<readonly [string, () => Uint8Array]> {
  const flash = before.slice();
  for (const [index, { offset, to }] of operations.entries()) {
    yield [`before operation ${index}`, () => flash.slice()];
    for (const pattern of TEAR_PATTERNS) {
      yield [
        `operation ${index} torn, ${pattern}`,
        () => {
          const torn = flash.slice();
          torn.set(tear(flash.slice(offset, offset + to.length), to, pattern, index + 1), offset);
          return torn;
        },
      ];
    }
    flash.set(to, offset);
  }
  yield ['after all', () => flash.slice()];
}
