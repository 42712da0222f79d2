import { describe, expect, it } from 'vitest';

import { EXP2, SIGMA, closestTieMillionths, sigma } from './tables.js';

const ALL_INT16 = Array.from({ length: 65_536 }, (_, index) => BigInt(index - 32_768));

describe('tables of section 3', () => {
  it('have the lengths and the entries that the document quotes', () => {
    expect([SIGMA.length, SIGMA[0], SIGMA[16], SIGMA[256]]).toEqual([257, 16384n, 23955n, 32767n]);
    expect([EXP2.length, EXP2[0], EXP2[255]]).toEqual([256, 32768n, 16428n]);
  });

  it('have no entry within 2·10⁻⁴ of a tie', () => {
    expect(closestTieMillionths()).toBeGreaterThanOrEqual(200n);
  });

  it('agree with double precision', () => {
    SIGMA.forEach((entry, j) => {
      expect(Number(entry)).toBe(Math.min(32767, Math.round(32768 / (1 + Math.exp(-j / 16)))));
    });
    EXP2.forEach((entry, j) => expect(Number(entry)).toBe(Math.round(32768 * 2 ** (-j / 256))));
  });

  it('repeat the last entry of SIGMA, so that 256 stored entries are enough', () => {
    expect(SIGMA[255]).toBe(SIGMA[256]);
  });
});

describe('σ of section 3', () => {
  const values = ALL_INT16.map(sigma);

  it('rises or stays, over all 16-bit arguments', () => {
    expect(values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0n))).toBe(true);
  });

  it('runs from 1 to 32767 and is a half at 0', () => {
    expect([values[0], values[32_768], values[65_535]]).toEqual([1n, 16384n, 32767n]);
  });

  it('is within 2.5 units of the last place of the real sigmoid', () => {
    const errors = values.map((value, index) => {
      return Math.abs(Number(value) - 32768 / (1 + Math.exp(-(index - 32_768) / 2048)));
    });
    expect(errors.reduce((largest, error) => Math.max(largest, error), 0)).toBeLessThan(2.5);
  });
});
