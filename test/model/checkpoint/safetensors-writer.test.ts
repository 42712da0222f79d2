import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { encodeSafetensorsHeader, SafetensorsWriter } from '../../../model/checkpoint/safetensors-writer.js';

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'mmfree-')), 'out.safetensors');
});
afterAll(() => rm(join(path, '..'), { recursive: true }));

const SPECS = [
  { name: 'w', dtype: 'F16', shape: [2, 2] },
  { name: 'n', dtype: 'F32', shape: [1] },
] as const;

describe('SafetensorsWriter', () => {
  test('writes length, padded header and data, however the data is cut', async () => {
    const data = Uint8Array.from({ length: 12 }, (_, index) => index + 1);
    for (let cut = 0; cut <= 12; cut++) {
      const writer = await SafetensorsWriter.create(path, SPECS);
      await writer.append(data.subarray(0, cut));
      await writer.append(data.subarray(cut));
      await writer.close();
      const file = Uint8Array.from(await readFile(path));
      const json =
        '{"w":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"n":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}';
      const padded = json.padEnd(Math.ceil(json.length / 8) * 8);
      expect(file).toEqual(
        Uint8Array.from([padded.length, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(padded), ...data]),
      );
    }
  });

  test('data starts at a multiple of eight for names of any length', () => {
    for (let length = 0; length < 16; length++) {
      expect(encodeSafetensorsHeader([{ ...SPECS[0], name: 'x'.repeat(length) }]).length % 8).toBe(0);
    }
  });

  test('refuses more data than the tensors have, and an end before all is written', async () => {
    const writer = await SafetensorsWriter.create(path, SPECS);
    await writer.append(new Uint8Array(5));
    await expect(writer.append(new Uint8Array(8))).rejects.toThrow('8 bytes, but 7 are left');
    await expect(writer.close()).rejects.toThrow('7 bytes have not been written');
  });
});
