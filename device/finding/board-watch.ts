/** Which boards come, go and change, from what can be seen of them without opening any. */

import type { FoundBoard } from './discovery.js';
import { addressText } from '../selector.js';
import { portOf } from '../usb/local-usb.js';
import { hasDfu } from '../usb/usb-classes.js';

export interface BoardChange {
  /** `changed`: by what could be seen before, it may answer otherwise now, such as when its serial port has come. */
  readonly kind: 'came' | 'changed' | 'gone';
  /** The same as long as the board stays; another one may have it later. */
  readonly key: string;
  readonly board: FoundBoard;
}

interface Seen {
  readonly board: FoundBoard;
  readonly look: string;
}

export class BoardWatch {
  #seen: ReadonlyMap<string, Seen>;

  /** @param found what is there at the beginning */
  constructor(found: readonly FoundBoard[]) {
    this.#seen = seenOf(found);
  }

  /** What is different from the look before: first what is gone. @param found what is there now */
  look(found: readonly FoundBoard[]): BoardChange[] {
    const before = this.#seen;
    const now = seenOf(found);
    this.#seen = now;
    const gone = [...before].filter(([key]) => !now.has(key));
    const fresh = [...now].filter(([key, { look }]) => before.get(key)?.look !== look);
    return [
      ...gone.map(([key, { board }]): BoardChange => ({ kind: 'gone', key, board })),
      ...fresh.map(([key, { board }]): BoardChange => ({ kind: before.has(key) ? 'changed' : 'came', key, board })),
    ];
  }
}

function seenOf(found: readonly FoundBoard[]): Map<string, Seen> {
  return new Map(found.map((board) => [boardKey(board), { board, look: lookOf(board) }]));
}

/** A USB device that was plugged in again, or a virtual board that was started again, is another one. */
export function boardKey({ address, usb, pid }: FoundBoard): string {
  return usb === undefined ? `${addressText(address)} ${pid ?? ''}` : `usb ${usb.path} ${usb.address}`;
}

/** Not which drivers it has: a flash over USB takes its interface for a while, and nothing is to come between. */
function lookOf({ address, kind, serial, name, usb, portProblem, flashProblem }: FoundBoard): string {
  const usbLook = usb && [portOf(usb), hasDfu(usb)];
  const problems = [portProblem, flashProblem].map((problem) => problem && [problem.code, problem.reason]);
  return JSON.stringify([addressText(address), kind, serial, name, usbLook, problems]);
}
