import { describe, expect, it } from 'vitest';
import { tear, TEAR_PATTERNS } from '../../../../firmware-host/firmware/flash/power-cut.js';
import { Prng } from '../../../oracle/prng.js';

const SEEDS = Array.from({ length: 64 }, (_, seed) => seed);
const FROM = new Uint8Array(256).fill(0xff);
const random = new Prng(1);
/** No byte is as it was before, so that each shows which side it is of. */
const TO = Uint8Array.from({ length: 256 }, () => random.between(0, 254));

/** For each byte, whether it is old, new, or something else. */
const sides = (torn: Uint8Array): string =>
  Array.from(torn, (value, index) => (value === TO[index] ? 'n' : value === FROM[index] ? 'o' : '?')).join('');

const bitsBetween = (one: Uint8Array, other: Uint8Array): number =>
  one.reduce((sum, value, index) => sum + (value ^ other[index]!).toString(2).replaceAll('0', '').length, 0);

describe('a torn operation', () => {
  it.each(TEAR_PATTERNS)('torn %s is torn the same way by the same seed, and in many ways by many', (pattern) => {
    const torn = SEEDS.map((seed) => tear(FROM, TO, pattern, seed));
    expect(SEEDS.map((seed) => tear(FROM, TO, pattern, seed))).toEqual(torn);
    expect(new Set(torn.map((bytes) => bytes.join())).size).toBeGreaterThan(24);
  });

  it.each(TEAR_PATTERNS)('torn %s changes neither what was there nor what was to come', (pattern) => {
    const [from, to] = [FROM.slice(), TO.slice()];
    tear(from, to, pattern, 3);
    expect([from, to]).toEqual([FROM, TO]);
  });

  it.each(TEAR_PATTERNS)('that changes nothing leaves nothing torn (%s)', (pattern) => {
    expect(tear(TO, TO, pattern, 1)).toEqual(TO);
  });

  it('in its first part is new up to a byte and old from there', () => {
    for (const seed of SEEDS) expect(sides(tear(FROM, TO, 'first-part', seed))).toMatch(/^n*o+$/);
  });

  it('in its last part is old up to a byte and new from there', () => {
    for (const seed of SEEDS) expect(sides(tear(FROM, TO, 'last-part', seed))).toMatch(/^o*n+$/);
  });

  it('in all but one bit differs from the whole one in one bit, which is still as it was', () => {
    for (const seed of SEEDS) {
      const torn = tear(FROM, TO, 'all-but-one-bit', seed);
      expect(bitsBetween(torn, TO)).toBe(1);
      expect(bitsBetween(torn, FROM)).toBe(bitsBetween(FROM, TO) - 1);
    }
  });

  it('in random bits has about half of those that were to change', () => {
    for (const seed of SEEDS) {
      const torn = tear(FROM, TO, 'random-bits', seed);
      const share = bitsBetween(torn, TO) / bitsBetween(FROM, TO);
      expect(share).toBeGreaterThan(0.35);
      expect(share).toBeLessThan(0.65);
    }
  });
});
