import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ANY_ID,
  encodeDfuSuffix,
  fitsDevice,
  readDfuSuffix,
  sourceCrc32,
  type DfuFileIds,
} from '../../protocol/dfu-suffix.js';
import { memorySource } from '../../protocol/byte-source.js';
import { temporaryFolder } from '../helpers/command-line.js';

const path = temporaryFolder();
const ANYTHING: DfuFileIds = { vendor: ANY_ID, product: ANY_ID, release: ANY_ID };

function withSuffix(content: Uint8Array, ids: DfuFileIds): Uint8Array {
  const source = memorySource(content);
  return Uint8Array.from([...content, ...encodeDfuSuffix(sourceCrc32(source, content.length), ids)]);
}

const fileIds = fc.record({
  vendor: fc.integer({ min: 0, max: 0xffff }),
  product: fc.integer({ min: 0, max: 0xffff }),
  release: fc.integer({ min: 0, max: 0xffff }),
});

describe('the suffix of a DFU file', () => {
  // Made with dfu-suffix 0.11: `dfu-suffix -v 1209 -p 0001 -d 0102 -a FILE`, and `dfu-suffix -a FILE`.
  it.each<[string, DfuFileIds, string]>([
    ['The quick brown fox', { vendor: 0x1209, product: 1, release: 0x0102 }, '020101000912000155464410399eb53a'],
    ['mmfree', ANYTHING, 'ffffffffffff000155464410330c263e'],
    ['', ANYTHING, 'ffffffffffff000155464410e1f17b88'],
  ])('of %j is that of dfu-suffix', (text, ids, suffix) => {
    const content = Buffer.from(text);
    const file = withSuffix(content, ids);
    expect(Buffer.from(file.subarray(content.length)).toString('hex')).toBe(suffix);
    expect(readDfuSuffix(memorySource(file))).toEqual({ ids, suffixBytes: 16 });
  });

  it.skipIf(spawnSync('dfu-suffix', ['--version']).status !== 0)(
    'is taken by dfu-suffix, where it is installed',
    () => {
      const file = path('file.dfu');
      writeFileSync(file, withSuffix(Buffer.from('whatever'), { vendor: 0x1209, product: 1, release: ANY_ID }));
      expect(execFileSync('dfu-suffix', ['-v', '1209', '-p', '0001', '-c', file]).toString()).toContain('0x1209');
      execFileSync('dfu-suffix', ['-D', file]);
      expect(readFileSync(file, 'utf8')).toBe('whatever');
    },
  );

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fileIds, (content, ids) => {
        expect(readDfuSuffix(memorySource(withSuffix(content, ids)))).toEqual({ ids, suffixBytes: 16 });
      }),
    );
  });

  it('is missed nowhere: any changed bit leaves no suffix, or a damaged one', () => {
    const file = withSuffix(Buffer.from('content of some length'), { vendor: 0x1209, product: 1, release: 0 });
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const damaged = file.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const isSignature = bit >> 3 >= file.length - 8 && bit >> 3 < file.length - 5;
      const found = readDfuSuffix(memorySource(damaged));
      expect([bit, found !== undefined && 'problem' in found]).toEqual([bit, !isSignature]);
    }
  });

  it('may be longer in a later version, and not longer than the file', () => {
    const later = (length: number): Uint8Array => {
      const tail = encodeDfuSuffix(0, ANYTHING);
      tail[11] = length;
      const content = Uint8Array.from([1, 2, 3, 4, ...tail.subarray(0, 12)]);
      const crc = new DataView(new ArrayBuffer(4));
      crc.setUint32(0, ~sourceCrc32(memorySource(content), content.length) >>> 0, true);
      return Uint8Array.from([...content, ...new Uint8Array(crc.buffer)]);
    };
    expect(readDfuSuffix(memorySource(later(18)))).toMatchObject({ suffixBytes: 18 });
    for (const length of [0, 15, 21, 255]) {
      expect(readDfuSuffix(memorySource(later(length)))).toEqual({
        problem: expect.stringContaining(`${length} bytes`),
      });
    }
  });

  it('of any bytes is found out', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void readDfuSuffix(memorySource(bytes))));
  });
});

describe('a file for a device', () => {
  it.each([
    [0x1209, 0x0001, true],
    [ANY_ID, 0x0001, true],
    [0x1209, ANY_ID, true],
    [ANY_ID, ANY_ID, true],
    [0x1209, 0x0002, false],
    [0x1d50, 0x0001, false],
    [0x1d50, ANY_ID, false],
  ])('of %i:%i is one for 1209:0001: %s', (vendor, product, expected) => {
    expect(fitsDevice({ vendor, product, release: 1 }, { vendor: 0x1209, product: 1 })).toBe(expected);
  });
});
