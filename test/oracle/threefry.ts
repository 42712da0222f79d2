/**
 * Threefry-2x32 with 20 rounds: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 3.3.
 *
 * Words are BigInts below 2^32.
 */
import { at } from './primitives.js';

const ROTATIONS = [13n, 15n, 26n, 6n, 17n, 29n, 16n, 24n];
const PARITY = 0x1bd11bdan;

/** Two pseudo-random words for a key and a counter. */
export function threefry2x32(key: readonly [bigint, bigint], counter: readonly [bigint, bigint]): [bigint, bigint] {
  const keySchedule = [...key, PARITY ^ key[0] ^ key[1]];
  let x0 = add(counter[0], key[0]);
  let x1 = add(counter[1], key[1]);
  for (let round = 0; round < 20; round++) {
    x0 = add(x0, x1);
    x1 = rotateLeft(x1, at(ROTATIONS, round % 8)) ^ x0;
    if (round % 4 !== 3) continue;
    // Injection number 1 … 5 takes the next two words of the schedule and adds its number to the second.
    const injection = (round + 1) / 4;
    x0 = add(x0, at(keySchedule, injection % 3));
    x1 = add(x1, at(keySchedule, (injection + 1) % 3) + BigInt(injection));
  }
  return [x0, x1];
}

function add(a: bigint, b: bigint): bigint {
  return BigInt.asUintN(32, a + b);
}

function rotateLeft(word: bigint, count: bigint): bigint {
  return BigInt.asUintN(32, word << count) | (word >> (32n - count));
}
