import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ICEBREAKER_LIMITS, misfits, wideChipLimits, type ChipLimits } from '../../../model/program/chip-limits.js';

const TALES = {
  vocabSize: 4096,
  hiddenSize: 256,
  intermediateSize: 768,
  layers: 8,
  bosTokenId: 0,
  eosTokenId: 0,
} as const;

it.each<[string, Partial<typeof TALES> | Record<string, number>, number, string[]]>([
  ['fits to the last number', {}, 0xf0_0000, []],
  ['is too wide', { hiddenSize: 384 }, 1, ['H 384 > 256', 'numbers of the vectors 34704 > 32768']],
  ['has a GLU that is too wide', { intermediateSize: 1024 }, 1, ['I 1024 > 768']],
  ['has too many layers', { layers: 65 }, 1, ['L 65 > 64', 'numbers of the state 17664 > 16384']],
  ['is too long', {}, 0xf0_0001, ['bytes of the image 15728641 > 15728640']],
])('a model that %s', (_, sizes, imageBytes, problems) => {
  const found = misfits(ICEBREAKER_LIMITS, { ...TALES, ...sizes }, imageBytes);
  for (const problem of problems) expect(found).toContain(problem);
  expect(found.length > 0).toBe(problems.length > 0);
});

it('a wide port wants rows that fill it', () => {
  expect(misfits(wideChipLimits(512), { ...TALES, hiddenSize: 96, intermediateSize: 128 }, 1)).toEqual([
    'H 96 is no multiple of 64',
  ]);
});

it.each<[ChipLimits, string]>([
  [ICEBREAKER_LIMITS, 'rtl/mmf_chip.v'],
  [wideChipLimits(128), 'sim/mmf_sim_axi.v'],
])('are those of the Verilog: %s', (limits, file) => {
  const verilog = (name: string): number[] => {
    const text = readFileSync(new URL(`../../../gateware/${name}`, import.meta.url), 'utf8');
    return [
      'MAX_HIDDEN',
      'MAX_INTERMEDIATE',
      'MAX_LAYERS',
      'MAX_VOCABULARY',
      'STATE_WORDS',
      'VECTOR_WORDS',
      'MAX_IMAGE_BYTES',
    ].map((parameter) => {
      const found = new RegExp(`\\b${parameter}(?: = |\\()(?:32'h)?([0-9a-f_]+)`).exec(text);
      if (found === null) return NaN;
      const digits = found[1]!.replaceAll('_', '');
      return found[0].includes("'h") ? Number.parseInt(digits, 16) : Number(digits);
    });
  };
  const own = verilog(file);
  const expected = verilog('rtl/mmf_chip.v').map((value, index) => (Number.isNaN(own[index]!) ? value : own[index]));
  const { maxHidden, maxIntermediate, maxLayers, maxVocabulary, stateWords, vectorWords, maxImageBytes } = limits;
  expect([maxHidden, maxIntermediate, maxLayers, maxVocabulary, stateWords, vectorWords, maxImageBytes]).toEqual(
    expected,
  );
});
