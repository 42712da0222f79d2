import { readFile } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { BigIntModel } from './bigint-model.js';
import { readSections } from './integer-model.js';
import {
  lowerBoundComplements,
  packPlainly,
  quantiseEmbedding,
  quantiseGains,
  scaleConstant,
  ternarise,
} from './plain-pack.js';
import { randomCheckpoint, tensorShapes } from './random-checkpoint.js';

const SHAPE = { vocabSize: 13, hiddenSize: 7, intermediateSize: 9, layers: 2, bosTokenId: 0, eosTokenId: 1 };

describe('packing by section 9', () => {
  it('ternarises around half the mean, ties to zero', () => {
    // The mean is 1: 0.5 is a tie, the next float32 above is not.
    expect([...ternarise(Float32Array.of(0.5, -0.5, 0.50000006, -2.5, 1, 1, 1, 1)).trits]).toEqual([
      0, 0, 1, -1, 1, 1, 1, 1,
    ]);
    expect(ternarise(Float32Array.of(0.5, -0.5, 0.50000006, -2.5, 1, 1, 1, 1)).m).toBe(1);
  });

  it('ternarises a tensor of zeros with the least mean', () => {
    expect(ternarise(new Float32Array(4))).toEqual({ trits: new Int8Array(4), m: Math.fround(1e-5) });
  });

  it.each([
    { w: [0, 0], ge: 0, mantissas: [0n, 0n] },
    { w: [1, -0.5], ge: -14, mantissas: [16384n, -8192n] },
    { w: [32767, 0.5, -0.5], ge: 0, mantissas: [32767n, 1n, 0n] },
    { w: [32768, 1], ge: 1, mantissas: [16384n, 1n] },
    { w: [0.25, 0.125], ge: -16, mantissas: [16384n, 8192n] },
    { w: [1e-9], ge: -17, mantissas: [0n] },
  ])('gives gains $w the exponent $ge', ({ w, ge, mantissas }) => {
    expect(quantiseGains(Float32Array.from(w))).toEqual({ mantissas, ge });
  });

  it('keeps a scale constant to 15 bits', () => {
    for (const m of [1e-5, 0.01, 0.0173, 1, 3e4]) {
      for (const columns of [1, 7, 256, 8192]) {
        const { mm, em } = scaleConstant(m, columns, -14, 8);
        const exact = (m * Math.sqrt(columns) * 2 ** -6) / 127;
        expect(Math.abs((Number(mm) * 2 ** Number(em)) / exact - 1)).toBeLessThanOrEqual(2 ** -15);
      }
    }
  });

  it('refuses a scale that the format cannot hold', () => {
    expect(() => scaleConstant(1e30, 4, 0, 12)).toThrow(RangeError);
  });

  it('starts lower bounds at 0 and accumulates a softmax over layers', () => {
    // Softmax of equal values over four layers: bounds 0, ¼, ½, ¾.
    expect(lowerBoundComplements(new Float32Array(8), 2)).toEqual([32767n, 24576n, 16384n, 8192n].map((c) => [c, c]));
  });

  it('scales every embedding row by itself under one shift', () => {
    const { embedding, embeddingShift } = quantiseEmbedding(Float32Array.of(1.27, -0.635, 0, 0, -0.01, 0.01), 2);
    expect(embedding.map(({ row }) => row)).toEqual([
      [127n, -63n],
      [0n, 0n],
      [-127n, 127n],
    ]);
    // The largest scale is 0.01 = 20972/2^21; B = 21.
    expect(embedding.map(({ rowScale }) => rowScale)).toEqual([20972n, 0n, 165n]);
    expect(embeddingShift).toBe(9n);
  });

  it.each([1, 2, 3])('gives legal sections for the random checkpoint of seed %i', (seed) => {
    const sections = packPlainly(SHAPE, randomCheckpoint(seed, SHAPE), true);
    const { layers } = readSections(sections);
    expect(layers.map(({ gEpsShift }) => gEpsShift).every((shift) => shift > 0n)).toBe(true);
    expect(layers[0]?.clb).toEqual(Array<bigint>(7).fill(32767n));
  });

  it('puts gate r and up r side by side', () => {
    const gateOnly = randomCheckpoint(4, SHAPE, (name, index, value) =>
      name.endsWith('gate_proj.weight') ? (index < 9 * 7 ? 1 : -1) : value,
    );
    const trits = readSections(packPlainly(SHAPE, gateOnly, true)).layers[0]?.gateUp.matrix.trits;
    expect([trits?.[0], trits?.[6], trits?.[7], trits?.[13], trits?.[14]]).toEqual([1, 1, -1, -1, 1]);
  });

  it('names a tensor that is missing', () => {
    const tensors = new Map(randomCheckpoint(1, SHAPE));
    tensors.delete('model.norm.weight');
    expect(() => packPlainly(SHAPE, tensors, true)).toThrow('no tensor model.norm.weight');
  });

  it('draws checkpoints of the right shapes', () => {
    const tensors = randomCheckpoint(1, SHAPE);
    expect([...tensors].map(([name, values]) => [name, values.length])).toEqual(
      [...tensorShapes(SHAPE)].map(([name, dimensions]) => [name, dimensions.reduce((a, b) => a * b, 1)]),
    );
  });
});

describe('the integer model of golden-a', () => {
  // Logits of the published PyTorch code in float32 (test/fixtures/golden-a).
  it('is close to the float model that it stands for', async () => {
    const shape = { vocabSize: 512, hiddenSize: 128, intermediateSize: 512, layers: 3, bosTokenId: 1, eosTokenId: 2 };
    const golden = await readFloats('golden.safetensors');
    const model = new BigIntModel(packPlainly(shape, await readFloats('model.safetensors'), true));
    const ids = new Uint32Array((golden.get('input_ids') ?? new Float32Array()).slice().buffer);
    const expected = golden.get('logits') ?? new Float32Array();
    const got = Array.from(ids.slice(0, 8)).flatMap((id) => model.step(id).logits.map((logit) => Number(logit) / 4096));
    expect(rms(got.map((logit, index) => logit - (expected[index] ?? 0))) / rms(got)).toBeLessThan(0.05);
  });
});

function rms(values: readonly number[]): number {
  return Math.sqrt(values.reduce((total, value) => total + value * value, 0) / values.length);
}

/** All tensors of a safetensors file, as if they were F32. */
async function readFloats(name: string): Promise<Map<string, Float32Array>> {
  const file = await readFile(new URL(`../fixtures/golden-a/${name}`, import.meta.url));
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, headerEnd)) as Record<string, { data_offsets: [number, number] }>;
  const tensors = new Map<string, Float32Array>();
  for (const [tensor, { data_offsets: offsets }] of Object.entries(header)) {
    if (tensor === '__metadata__') continue;
    const bytes = Uint8Array.from(file.subarray(headerEnd + offsets[0], headerEnd + offsets[1]));
    tensors.set(tensor, new Float32Array(bytes.buffer));
  }
  return tensors;
}
