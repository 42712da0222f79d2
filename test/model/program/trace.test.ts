/** The trace, read as a bench reads it: by docs/GATEWARE.md, section 7, alone. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { IntegerModel } from '../../../model/integer/integer-model.js';
import { readModelWeights, residentBytes } from '../../../model/integer/model-weights.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { traceLines } from '../../../model/program/trace.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { ImageError } from '../../../protocol/image/image-error.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import { sigmaTable } from '../../../protocol/image/tables.js';
import { TINY_SHAPE, tinyImage, tinySections } from '../../helpers/tiny-image.js';

const SECTIONS = tinySections();
const WEIGHTS = residentBytes(SECTIONS);
const VIEW = openImage(memorySource(tinyImage()));
const TOKENS = [1, 6, 0];

/**
 * Records as `$fscanf` finds them: a word, a decimal count, and so many hexadecimal numbers; where lines end does not
 * matter.
 */
function recordsOf(text: string): { readonly name: string; readonly numbers: readonly bigint[] }[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const records = [];
  for (let at = 0; at < words.length;) {
    const [name = '', count = ''] = words.slice(at, at + 2);
    expect(count).toMatch(/^\d+$/);
    const numbers = words.slice(at + 2, at + 2 + Number(count)).map((word) => BigInt(`0x${word}`));
    records.push({ name, numbers });
    at += 2 + numbers.length;
  }
  return records;
}

const signed = (numbers: readonly bigint[]): number[] => numbers.map((number) => Number(BigInt.asIntN(32, number)));

describe('the trace', () => {
  const records = recordsOf([...traceLines(VIEW, WEIGHTS, TOKENS)].join('\n'));
  const all = (name: string): (readonly bigint[])[] =>
    records.filter((record) => record.name === name).map(({ numbers }) => numbers);

  it('begins with shape, offsets, program and table, and ends with a record of its own', () => {
    const { vectors, embedding, ternary } = VIEW.sections;
    expect(records.slice(0, 4)).toEqual([
      { name: 'shape', numbers: [7n, 5n, 3n, 2n] },
      { name: 'offsets', numbers: [vectors.offset, embedding.offset, ternary.offset].map(BigInt) },
      { name: 'program', numbers: MODEL_PROGRAM.map(BigInt) },
      { name: 'sigma', numbers: Array.from(sigmaTable().subarray(0, 256), BigInt) },
    ]);
    expect(records.at(-1)).toEqual({ name: 'end', numbers: [] });
  });

  it('holds the taps, logits and receipts of the reference', () => {
    const reference = new IntegerModel(readModelWeights(WEIGHTS));
    const taps: number[] = [];
    TOKENS.forEach((token, position) => {
      taps.push(...reference.stepWithTaps(token));
      expect(all('token')[position]).toEqual([position, token].map(BigInt));
      expect(signed(all('logits')[position]!)).toEqual([...reference.logits]);
      expect(all('receipt')[position]).toEqual([BigInt(reference.receipt())]);
    });
    expect(all('tap').flat()).toEqual(taps.map(BigInt));
  });

  it('gives every instruction with its word and layer, once for each time that it is executed', () => {
    const { layers } = TINY_SHAPE;
    const inLoop = Array.from({ length: layers }, (_, layer) =>
      MODEL_PROGRAM.slice(1, 24).map((word, index) => [1 + index, word, layer]),
    ).flat();
    const behind = MODEL_PROGRAM.slice(24).map((word, index) => [24 + index, word, layers]);
    const token = [[0, MODEL_PROGRAM[0], 0], ...inLoop, ...behind];
    expect(all('op').map((numbers) => numbers.map(Number))).toEqual([...token, ...token, ...token]);
  });

  it('writes sums of squares whole, and no scalar of a vector of zeros that nobody reads', () => {
    const zeros = { ...SECTIONS, embedding: new Uint8Array(SECTIONS.embedding.length) };
    const text = [...traceLines(VIEW, residentBytes(zeros), [0])].join('\n');
    const [first, second] = recordsOf(text).filter(({ name }) => name === 'zero0');
    expect([first?.numbers, second?.numbers]).toEqual([[1n], [1n]]);
    expect(text).toMatch(/^S 1 0{16}\nop /m);
    expect(text).toMatch(/^zero0 1 00000001\nop /m);
    expect(text).toMatch(/^G 1 [0-9a-f]{16}$/m);
  });

  it('has only records that the document names', () => {
    const document = readFileSync(new URL('../../../docs/GATEWARE.md', import.meta.url), 'utf8');
    const names = new Set(records.map(({ name }) => name.replace(/^(zero|c|shift)1$/, '$10')));
    const named = new Set(document.slice(document.indexOf('## 7.')).match(/(?<=`)[A-Za-z]\w*/g));
    expect([...names].filter((name) => !named.has(name))).toEqual([]);
  });

  it('needs a program', () => {
    const view = openImage(memorySource(tinyImage(1, { program: [] })));
    expect(() => [...traceLines(view, WEIGHTS, [0])]).toThrow(ImageError);
  });
});
