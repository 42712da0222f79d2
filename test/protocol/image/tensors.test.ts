import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import {
  blockLength,
  blockStart,
  constantsOf,
  HEAD_BLOCK,
  LAYER_BLOCK,
  placeMatrices,
  sectionLengths,
  ternaryWeights,
  type Block,
} from '../../../protocol/image/tensors.js';

const DOCUMENT = readFileSync(new URL('../../../docs/IMAGE.md', import.meta.url), 'utf8');

/** H 5, I 3, L 2, V 7. */
const SHAPE = { vocabSize: 7, hiddenSize: 5, intermediateSize: 3, layers: 2, bosTokenId: 1, eosTokenId: 2 };

describe('the table of tensors', () => {
  test.each([
    ['the head', HEAD_BLOCK, '`finalNorm[H]`, `headGain[H]`', ', '],
    [
      'a layer',
      LAYER_BLOCK,
      '`attnNorm[H] iGain[H] fGain[H] gGain[H] clb[H] gNorm[H] oGain[H] mlpNorm[H] gateGain[H] downGain[I]`',
      ' ',
    ],
  ] as [string, Block, string, string][])('has the vectors of %s as docs/IMAGE.md has', (_, block, text, between) => {
    const names = block.vectors.map(({ name, columns }) => `${name}[${columns}]`);
    expect(DOCUMENT).toContain(text);
    expect(names.join(between)).toBe(text.replaceAll('`', ''));
  });

  test('gives every product a gain as long as its input and a scale of its own', () => {
    for (const block of [HEAD_BLOCK, LAYER_BLOCK] as readonly Block[]) {
      const gains = block.matrices.map((matrix) => block.vectors.find(({ name }) => name === matrix.gain));
      expect(gains.map((gain) => [gain?.kind, gain?.columns])).toEqual(
        block.matrices.map(({ columns }) => ['gain', columns]),
      );
      expect(gains).toEqual(block.vectors.filter(({ kind }) => kind === 'gain'));
      const names = constantsOf(block).map(({ name }) => name);
      const products = names.filter((name) => name === 'mm').length;
      expect([products, names.filter((name) => name === 'em').length]).toEqual([
        block.matrices.length,
        block.matrices.length,
      ]);
    }
  });

  test('has each constant at its place', () => {
    const scale = (block: Block): string[] =>
      constantsOf(block).map(({ name }) => name.replace('an unused constant', '-'));
    expect(scale(HEAD_BLOCK).join(' ')).toBe('embeddingShift mm em - - - - - - - - - - - - -');
    expect(scale(LAYER_BLOCK).join(' ')).toBe('mm em mm em mm em mm em mm em mm em gEpsShift - - -');
  });

  test('lays the blocks and the matrices one behind the other', () => {
    expect([-1, 0, 1, 2].map((layer) => blockStart(layer, SHAPE))).toEqual([0, 26, 90, 154]);
    expect(blockLength(LAYER_BLOCK, SHAPE)).toBe(64);
    const { layers, head } = placeMatrices(SHAPE);
    const all = [...layers, head];
    expect(all.map(({ tensor }) => tensor.name).join(' ')).toBe('i f g o gateUp down i f g o gateUp down head');
    // 5×5 has one group of 5 bytes, 6×5 two of 5, 5×3 one of 3, 7×5 two of 5.
    expect(all.map(({ length }) => length)).toEqual([5, 5, 5, 5, 10, 3, 5, 5, 5, 5, 10, 3, 10]);
    expect(all.map(({ offset, length }) => offset + length)).toEqual([
      ...all.slice(1).map(({ offset }) => offset),
      sectionLengths(SHAPE).ternary,
    ]);
    expect(ternaryWeights(SHAPE)).toBe(2 * (4 * 25 + 30 + 15) + 35);
    expect(sectionLengths(SHAPE)).toMatchObject({ vectors: 2 * 154, embedding: 7 * 8 });
  });
});
