import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SafetensorsFile } from '../../../model/checkpoint/safetensors.js';
import { readFloat32, streamFloat32 } from '../../../model/checkpoint/tensor-source.js';
import { writeTensors } from '../../helpers/synthetic-checkpoint.js';

const VALUES = Float32Array.from({ length: 15 }, (_, index) => (index - 7) / 4);

/** The upper halves of float32 are bfloat16; exact for these values. */
function bfloat16Bytes(values: Float32Array): Uint8Array {
  const bits = new Uint32Array(values.buffer);
  return new Uint8Array(Uint16Array.from(bits, (word) => word >>> 16).buffer);
}

const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer);
const holding = (value: number): Float32Array => Float32Array.from(VALUES).fill(value, 11, 12);

let folder: string;
let file: SafetensorsFile;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mmfree-'));
  const path = join(folder, 'file.safetensors');
  const shape = [3, 5];
  await writeTensors(path, [
    // One byte in front puts all others at odd offsets.
    { name: 'odd', dtype: 'U8', shape: [1], bytes: Uint8Array.of(9) },
    { name: 'f32', dtype: 'F32', shape, bytes: bytesOf(VALUES) },
    { name: 'bf16', dtype: 'BF16', shape, bytes: bfloat16Bytes(VALUES) },
    { name: 'empty', dtype: 'F16', shape: [0], bytes: new Uint8Array(0) },
    { name: 'nan', dtype: 'F32', shape, bytes: bytesOf(holding(NaN)) },
    { name: 'infinite', dtype: 'BF16', shape, bytes: bfloat16Bytes(holding(-Infinity)) },
  ]);
  file = await SafetensorsFile.open(path);
});
afterAll(async () => {
  await file.close();
  await rm(folder, { recursive: true });
});

describe('streamFloat32', () => {
  test.each(['f32', 'bf16'])('%s comes in order, in chunks of any size', async (name) => {
    for (let chunkElements = 1; chunkElements <= 16; chunkElements++) {
      const values: number[] = [];
      for await (const chunk of streamFloat32(file, name, chunkElements)) {
        expect(chunk.start).toBe(values.length);
        expect(chunk.values.length).toBe(Math.min(chunkElements, VALUES.length - chunk.start));
        values.push(...chunk.values);
      }
      expect(values).toEqual([...VALUES]);
    }
  });

  test('an empty tensor has no chunks', async () => {
    expect(await readFloat32(file, 'empty')).toEqual(new Float32Array(0));
  });

  test.each([
    ['nan', 'NaN'],
    ['infinite', '-Infinity'],
  ])('%s is refused with its index in the tensor, whatever the chunks', async (name, value) => {
    for (const chunkElements of [1, 4, 100]) {
      const drain = async (): Promise<void> => {
        for await (const { values } of streamFloat32(file, name, chunkElements)) expect(values).toBeDefined();
      };
      await expect(drain()).rejects.toMatchObject({
        code: 'checkpoint-not-finite',
        facts: { tensor: name, index: 11 },
        message: `tensor "${name}" holds ${value} at element 11`,
      });
    }
  });

  test('integers are refused as weights', async () => {
    await expect(readFloat32(file, 'odd')).rejects.toMatchObject({ code: 'checkpoint-wrong-dtype' });
  });

  test('a tensor that does not exist is a RangeError', async () => {
    await expect(readFloat32(file, 'none')).rejects.toThrow(RangeError);
  });
});
