/**
 * Threefry-2x32 with 20 rounds: a counter-based generator of 32-bit words from additions, rotations and exclusive-ors.
 *
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3. Counter-based, so
 * that token n of a run can be drawn without drawing those before it.
 */

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const KEY_PARITY = 0x1bd11bda;

/** The first output word (unsigned) for a 64-bit key and counter, each given as (low, high). */
export function threefry(keyLow: number, keyHigh: number, counterLow: number, counterHigh: number): number {
  return threefryPair(keyLow, keyHigh, counterLow, counterHigh)[0];
}

/** Both output words, unsigned. */
export function threefryPair(
  keyLow: number,
  keyHigh: number,
  counterLow: number,
  counterHigh: number,
): readonly [number, number] {
  const keys = [keyLow | 0, keyHigh | 0, KEY_PARITY ^ keyLow ^ keyHigh] as const;
  let a = (counterLow + keys[0]) | 0;
  let b = (counterHigh + keys[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = ROTATIONS[round % 8];
    a = (a + b) | 0;
    b = ((b << rotation) | (b >>> (32 - rotation))) ^ a;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      a = (a + keys[injection % 3]) | 0;
      b = (b + keys[(injection + 1) % 3] + injection) | 0;
    }
  }
  return [a >>> 0, b >>> 0];
}
