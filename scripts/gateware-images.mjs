/**
 * `node scripts/gateware-images.mjs -o <folder> [--tokens <number>] [--only <text>] [--shape H,I,L,V …]`: images of
 * small made-up models for the benches of the gateware, and the trace of each (docs/GATEWARE.md, section 7).
 *
 * Of each shape one model with numbers like those of a trained one, and one of extremes: every number of it is drawn
 * near a limit of the format or of a saturation. In the third, rounding carries into one bit more than there is (32768
 * in step A, the only clamp that the others do not reach). Numbers come from Threefry, so files are the same on every
 * machine. Needs `npm run build`.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readModelWeights, residentBytes } from '../dist/model/integer/model-weights.js';
import { threefry } from '../dist/model/integer/threefry.js';
import { randomTokens, tokenLines } from '../dist/model/integer/vectors/vectors.js';
import { imageInMemory } from '../dist/model/pack/image-in-memory.js';
import { selfTestOf } from '../dist/model/pack/self-test.js';
import { MODEL_PROGRAM } from '../dist/model/program/model-program.js';
import { traceLines } from '../dist/model/program/trace.js';
import { memorySource } from '../dist/protocol/byte-source.js';
import { openImage } from '../dist/protocol/image/image-reader.js';
import { CONSTANTS, embeddingStride, MODEL_LIMITS, ternaryBytes } from '../dist/protocol/image/model-shape.js';
import { sectionLengths } from '../dist/protocol/image/tensors.js';
import { tablesSection } from '../dist/protocol/image/tables.js';
import { verifyWeights } from '../dist/protocol/image/weight-checks.js';

/** H, I, L, V: odd sizes, sizes for a port of 4 bytes, and sizes for one of 64. `--shape` makes others instead. */
const SHAPES = [
  [5, 7, 2, 11],
  [12, 20, 3, 37],
  [64, 192, 2, 128],
];

/** How numbers are drawn: `one` of several, or `between` two, both included. */
const KINDS = {
  plausible: {
    gain: ({ between }) => between(8000, 24000),
    clb: ({ between }) => between(1, 32767),
    mm: ({ between }) => between(16384, 32767),
    // Outputs of a few units: o, down and the head have four bits more behind the point.
    em: ({ between }, product) => between(-1, 1) + (['o', 'down', 'head'].includes(product) ? -23 : -25),
    gEpsShift: ({ between }) => between(0, 20),
    embedding: ({ between }) => between(-127, 127),
    rowScale: ({ between }) => between(100, 2000),
    embeddingShift: () => 6,
    trit: ({ between }) => between(0, 2),
  },
  extreme: {
    gain: ({ one }) => one(-32767, 32767, -32767, 32767, 16384, -1, 1, 0),
    clb: ({ one }) => one(0, 1, 32766, 32767),
    mm: ({ one }) => one(16384, 16385, 32767),
    // Most where outputs are of use or just saturate, for a product that vanishes hides all that is behind it; the head
    // never does.
    em: ({ one, between }, product) =>
      product === 'head'
        ? between(-28, -16)
        : one(...Array.from({ length: 6 }, () => between(-28, -13)), between(-56, -44), one(-64, 24)),
    gEpsShift: ({ one }) => one(0, 127),
    embedding: ({ one }) => one(-128, -127, -1, 0, 1, 127),
    rowScale: ({ one, between }) => one(0, 1, 32767, 32767, between(1, 32767)),
    embeddingShift: () => 0,
    trit: ({ one }) => one(0, 2, 2, 2),
  },
};
// 124 · 16913 = 2,097,212, and mul15 of that and 32767 is 2,097,148: 32,767.9 · 2^6.
KINDS.carrying = {
  ...KINDS.plausible,
  gain: ({ one }) => one(32767, 32767, -32767),
  embedding: ({ one, between }) => one(124, -124, between(-3, 3)),
  rowScale: () => 16913,
  embeddingShift: () => 0,
};

const { values } = parseArgs({
  options: {
    output: { type: 'string', short: 'o' },
    tokens: { type: 'string', default: '6' },
    only: { type: 'string', default: '' },
    shape: { type: 'string', multiple: true },
  },
});
const shapes = values.shape?.map(sizesOf) ?? SHAPES;
if (values.output === undefined || !/^[1-9]\d{0,3}$/.test(values.tokens) || shapes.includes(undefined)) {
  process.stderr.write(
    'usage: node scripts/gateware-images.mjs -o <folder> [--tokens <1 … 9999>] [--only <text>] [--shape <H,I,L,V> …]\n' +
      'H and I 1 … 8192, L 1 … 256, V 2 … 65536\n',
  );
  process.exit(2);
}
mkdirSync(values.output, { recursive: true });
for (const [index, sizes] of shapes.entries()) {
  for (const [kind, draw] of Object.entries(KINDS)) {
    const [hiddenSize, intermediateSize, layers, vocabSize] = sizes;
    const name = `h${hiddenSize}-i${intermediateSize}-l${layers}-v${vocabSize}-${kind}`;
    if (!name.includes(values.only)) continue;
    const shape = { vocabSize, hiddenSize, intermediateSize, layers, bosTokenId: 0, eosTokenId: 1 };
    write(name, drawModel(shape, draw, randomNumbers(index, kind.length)), Number(values.tokens));
  }
}

/** Four sizes within the format's limits; undefined otherwise. */
function sizesOf(text) {
  const sizes = /^\d+,\d+,\d+,\d+$/.test(text) ? text.split(',').map(Number) : [];
  const { hiddenSize, intermediateSize, layers, vocabSize } = MODEL_LIMITS;
  const isWithin = [hiddenSize, intermediateSize, layers, vocabSize].every(
    (limit, index) => sizes[index] >= (index === 3 ? 2 : 1) && sizes[index] <= limit,
  );
  return isWithin ? sizes : undefined;
}

/** The image, its trace, and receipts and taps of the same tokens by the reference. */
function write(name, sections, tokens) {
  const weights = residentBytes(sections);
  const image = imageInMemory(sections, { name, program: MODEL_PROGRAM, selfTest: selfTestOf(weights, 8) });
  const source = memorySource(image);
  const view = openImage(source);
  verifyWeights(source, view);
  const given = () => randomTokens(sections.shape, 1, tokens);
  const path = join(values.output, name);
  const lines = (all) => `${[...all].join('\n')}\n`;
  writeFileSync(`${path}.mmfree`, image);
  writeFileSync(`${path}.trace.txt`, lines(traceLines(view, weights, given())));
  writeFileSync(`${path}.tokens.jsonl`, lines(tokenLines(readModelWeights(weights), given())));
  process.stdout.write(`${path}.mmfree\n`);
}

/** Sections as docs/IMAGE.md, section 4, lays them out. */
function drawModel(shape, draw, random) {
  const { vocabSize: v, hiddenSize: h, intermediateSize: i, layers } = shape;
  const lengths = sectionLengths(shape);
  const many = (count, number) => Array.from({ length: count }, () => number(random));
  const scale = (product) => [draw.mm(random), draw.em(random, product)];
  const pad = (numbers) => [...numbers, ...Array(CONSTANTS - numbers.length).fill(0)];
  const layer = () => [
    ...pad([...['i', 'f', 'g', 'o', 'gateUp', 'down'].flatMap(scale), draw.gEpsShift(random)]),
    ...many(4 * h, draw.gain),
    ...many(h, draw.clb),
    ...many(4 * h + i, draw.gain),
  ];
  const head = [...pad([draw.embeddingShift(random), ...scale('head')]), ...many(2 * h, draw.gain)];
  const vectors = Int16Array.from([...head, ...Array.from({ length: layers }, layer).flat()]);

  const embedding = new DataView(new ArrayBuffer(lengths.embedding));
  for (let row = 0; row < embedding.byteLength; row += embeddingStride(shape)) {
    embedding.setUint16(row, draw.rowScale(random), true);
    for (let k = 0; k < h; k++) embedding.setInt8(row + 2 + k, draw.embedding(random));
  }

  const ternary = [];
  const matrix = (rows, columns) => {
    for (let at = 0; at < ternaryBytes(rows, columns); at++) {
      const row = 5 * Math.floor(at / columns);
      let byte = 0;
      for (let d = 4; d >= 0; d--) byte = 3 * byte + (row + d < rows ? draw.trit(random) : 1);
      ternary.push(byte);
    }
  };
  for (let l = 0; l < layers; l++) {
    for (let k = 0; k < 4; k++) matrix(h, h);
    matrix(2 * i, h);
    matrix(h, i);
  }
  matrix(v, h);
  return {
    shape,
    tables: tablesSection(),
    vectors: new Uint8Array(vectors.buffer),
    embedding: new Uint8Array(embedding.buffer),
    ternary: Uint8Array.from(ternary),
  };
}

function randomNumbers(keyLow, keyHigh) {
  let counter = 0;
  const below = (count) => threefry(keyLow, keyHigh, counter++, 0) % count;
  return {
    between: (low, high) => low + below(high - low + 1),
    one: (...numbers) => numbers[below(numbers.length)],
  };
}
