import { expect, test } from 'vitest';

import { exp2Table, sigmaTable, tablesSection } from '../../../protocol/image/tables.js';
import { EXP2, SIGMA } from '../../oracle/tables.js';

test('SIGMA is the table of exact arithmetic', () => {
  expect([...sigmaTable()]).toEqual(SIGMA.map(Number));
});

test('EXP2 is the table of exact arithmetic', () => {
  expect([...exp2Table()]).toEqual(EXP2.map(Number));
});

test('the entries named in the specification are there', () => {
  const sigma = sigmaTable();
  const exp2 = exp2Table();
  expect([sigma[0], sigma[16], sigma[256], exp2[0], exp2[255]]).toEqual([16_384, 23_955, 32_767, 32_768, 16_428]);
});

test('the section holds SIGMA, then EXP2, little-endian', () => {
  const section = tablesSection();
  expect(section).toHaveLength(1026);
  expect([...section.subarray(0, 2), ...section.subarray(514, 516)]).toEqual([0x00, 0x40, 0x00, 0x80]);
});
