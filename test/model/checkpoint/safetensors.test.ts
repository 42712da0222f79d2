import { mkdir, mkdtemp, open, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { CheckpointError } from '../../../model/checkpoint/checkpoint-error.js';
import { SafetensorsFile } from '../../../model/checkpoint/safetensors.js';
import { encodeSafetensorsHeader } from '../../../model/checkpoint/safetensors-writer.js';
import { rejectionOf } from '../../helpers/refusal.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mmfree-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file of 10 data bytes 0..9: `a` has 4 of them, `b` has 6. */
const SMALL = Uint8Array.from([
  ...encodeSafetensorsHeader([
    { name: 'a', dtype: 'U8', shape: [4] },
    { name: 'b', dtype: 'I16', shape: [3] },
  ]),
  ...Array.from({ length: 10 }, (_, index) => index),
]);

async function opened<T>(bytes: Uint8Array, use: (file: SafetensorsFile) => Promise<T>): Promise<T> {
  const path = join(folder, 'file.safetensors');
  await writeFile(path, bytes);
  const file = await SafetensorsFile.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

describe('SafetensorsFile', () => {
  test('reads any range of a tensor and nothing beside it', async () => {
    await opened(SMALL, async (file) => {
      for (let start = 0; start <= 6; start++) {
        for (let end = start; end <= 6; end++) {
          const into = new Uint8Array(end - start);
          await file.readRaw('b', start, into);
          expect([...into]).toEqual([4, 5, 6, 7, 8, 9].slice(start, end));
        }
      }
    });
  });

  test.each([
    ['b', 0, 7],
    ['b', 6, 1],
    ['b', -1, 1],
    ['a', 4, 1],
    ['b', NaN, 1],
    ['c', 0, 0],
  ])('a read of %s from %d on, %d bytes long, is a RangeError', async (name, offset, length) => {
    await opened(SMALL, (file) =>
      expect(file.readRaw(name, offset, new Uint8Array(length))).rejects.toThrow(RangeError),
    );
  });

  test('a file cut at any byte is refused as truncated, with the number of missing bytes', async () => {
    const dataStart = SMALL.length - 10;
    for (let length = 0; length < SMALL.length; length++) {
      const refusal = await rejectionOf(opened(SMALL.slice(0, length), () => Promise.resolve()));
      expect(refusal.code).toBe('checkpoint-truncated');
      // The total is known once the header is whole; until then up to the end of the header.
      const end = length < 8 ? 8 : length < dataStart ? dataStart : SMALL.length;
      expect(refusal.facts['missing_bytes']).toBe(end - length);
    }
  });

  test('a file with any bit flipped in length or header is refused or read in full', async () => {
    for (let bit = 0; bit < 8 * (SMALL.length - 10); bit++) {
      const flipped = Uint8Array.from(SMALL);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const total = await opened(flipped, async (file) => {
        let bytes = 0;
        for (const [name, { byteLength }] of file.tensors) {
          await file.readRaw(name, 0, new Uint8Array(byteLength));
          bytes += byteLength;
        }
        return bytes;
      }).catch((error: unknown) => error);
      expect(total instanceof CheckpointError || total === 10).toBe(true);
    }
  });

  test('a file that shrinks while it is open is reported, not read as zeros', async () => {
    await opened(SMALL, async (file) => {
      await truncate(file.path, SMALL.length - 2);
      expect(await rejectionOf(file.readRaw('b', 0, new Uint8Array(6)))).toMatchObject({
        code: 'checkpoint-truncated',
        facts: { missing_bytes: 2 },
      });
    });
  });

  test.each([
    ['2⁶³ bytes', 1n << 63n, 100],
    ['110 MB, which the file has', 110_000_000n, 110_000_100],
  ])('a header of %s is refused without reading it', async (_title, headerBytes, fileBytes) => {
    const path = join(folder, 'bomb.safetensors');
    const handle = await open(path, 'w');
    await handle.write(new Uint8Array(BigUint64Array.of(headerBytes).buffer));
    await handle.truncate(fileBytes);
    await handle.close();
    const before = process.memoryUsage().arrayBuffers;
    expect(await rejectionOf(SafetensorsFile.open(path))).toMatchObject({ code: 'checkpoint-bad-header' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  });

  test('a missing file, a folder, a device and an endless link are refused, each in its way', async () => {
    await mkdir(join(folder, 'directory'));
    await symlink('/dev/zero', join(folder, 'device'));
    await symlink('loop', join(folder, 'loop'));
    for (const [name, code, message] of [
      ['nowhere', 'checkpoint-not-found', 'does not exist'],
      ['directory', 'checkpoint-unreadable', 'is not a regular file'],
      ['device', 'checkpoint-unreadable', 'is not a regular file'],
      ['loop', 'checkpoint-unreadable', 'cannot be read (ELOOP)'],
    ] as const) {
      const refusal = await rejectionOf(SafetensorsFile.open(join(folder, name)));
      expect(refusal).toMatchObject({ code, message: `${join(folder, name)} ${message}` });
      expect(refusal.fix).not.toBe('');
    }
  });
});
