import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from 'node:zlib';

import { BOOT_RECORD_BYTES, decodeBootRecord, encodeBootRecord } from '../../../protocol/image/boot-record.js';
import type { BootRecord } from '../../../protocol/image/boot-record.js';
import { imageRefusal } from '../../helpers/image-refusal.js';

const RECORD: BootRecord = {
  shape: { vocabSize: 4096, hiddenSize: 256, intermediateSize: 768, layers: 8, bosTokenId: 1, eosTokenId: 2 },
  fileLength: 0x01020304,
  sections: {
    tables: { offset: 4096, length: 1026 },
    vectors: { offset: 8192, length: 0x11121314 },
    embedding: { offset: 0x21222324, length: 0x31323334 },
    ternary: { offset: 0x41424344, length: 0x51525354 },
    tokenizer: { offset: 0xfffff000, length: 0 },
  },
  revision: 0x61626364,
  program: [0x1c00, 0x9000, 0xffff, 1],
};

// Written by hand from the table in docs/IMAGE.md, section 2; all but the CRC.
const RECORD_HEX = [
  '4d4d4642 0100 0001 00100000 00010000 00030000 08000000 01000000 02000000 04030201',
  '00100000 02040000 00200000 14131211 24232221 34333231 44434241 54535251 00f0ffff 00000000 64636261',
  '001c 0090 ffff 0100',
].join('');

function bytesOfRecord(): Uint8Array {
  const bytes = new Uint8Array(BOOT_RECORD_BYTES);
  bytes.set(Buffer.from(RECORD_HEX.replaceAll(' ', ''), 'hex'));
  return withCrc(bytes);
}

function withCrc(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint32(252, crc32(bytes.subarray(0, 252)), true);
  return bytes;
}

describe('the boot record', () => {
  test('has every field where the table in the specification says', () => {
    expect(encodeBootRecord(RECORD)).toEqual(bytesOfRecord());
    expect(decodeBootRecord(bytesOfRecord())).toEqual(RECORD);
  });

  test('is read back as it was written', () => {
    const u32 = fc.nat(0xffff_ffff);
    const place = fc.record({ offset: u32, length: u32 });
    const record = fc.record({
      shape: fc.record({
        vocabSize: u32,
        hiddenSize: u32,
        intermediateSize: u32,
        layers: u32,
        bosTokenId: u32,
        eosTokenId: u32,
      }),
      fileLength: u32,
      revision: u32,
      program: fc.array(fc.integer({ min: 1, max: 0xffff }), { maxLength: 86 }),
      sections: fc.record({ tables: place, vectors: place, embedding: place, ternary: place, tokenizer: place }),
    });
    fc.assert(
      fc.property(record, (original) => {
        expect(decodeBootRecord(encodeBootRecord(original))).toEqual(original);
      }),
    );
  });

  test('is refused after the change of any bit', () => {
    for (let bit = 0; bit < 8 * BOOT_RECORD_BYTES; bit++) {
      const bytes = bytesOfRecord();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const expected = bit < 32 ? 'not-an-image' : 'image-damaged';
      expect(imageRefusal(() => decodeBootRecord(bytes))?.code).toBe(expected);
    }
  });

  test.each([
    ['another version', 4, 2, 'image-unsupported-version'],
    ['another size of the record', 6, 1, 'image-inconsistent'],
    ['a word behind the end of the program', 90, 1, 'image-inconsistent'],
    ['the last byte, behind the end of the program', 251, 1, 'image-inconsistent'],
  ])('is refused for %s, even if its CRC is right', (_, offset, value, code) => {
    const bytes = bytesOfRecord();
    bytes[offset] = value;
    expect(imageRefusal(() => decodeBootRecord(withCrc(bytes)))?.code).toBe(code);
  });

  test('of an older image has no program', () => {
    const program: readonly number[] = [];
    expect(decodeBootRecord(encodeBootRecord({ ...RECORD, program })).program).toEqual([]);
  });

  test.each([
    ['too many words', Array.from({ length: 87 }, () => 1)],
    ['a word that is 0, which would be the end', [1, 0, 1]],
    ['a word of 17 bits', [0x10000]],
    ['a word that is no integer', [0.5]],
  ])('cannot hold %s', (_, program) => {
    expect(() => encodeBootRecord({ ...RECORD, program })).toThrow(RangeError);
  });
});
