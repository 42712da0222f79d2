/** What a bad line does to one frame, in every way that sessions are tried with. */

import { Prng } from '../oracle/prng.js';
import type { Fate } from './board-on-a-line.js';

/** @param lateMs enough for a frame to come behind the ones that follow it */
export function frameFaults(lateMs: number): readonly (readonly [string, Fate])[] {
  const random = new Prng(11);
  return [
    ['lost', () => []],
    ['sent twice', ({ bytes }) => [{ bytes }, { bytes }]],
    ['late, behind the ones that follow', ({ bytes }) => [{ bytes, lateMs }]],
    ['cut short', ({ bytes }) => [{ bytes: bytes.subarray(0, random.between(0, bytes.length - 1)) }]],
    [
      'changed in one bit',
      ({ bytes }) => {
        const changed = bytes.slice();
        changed[random.between(0, bytes.length - 1)]! ^= 1 << random.between(0, 7);
        return [{ bytes: changed }];
      },
    ],
  ];
}
