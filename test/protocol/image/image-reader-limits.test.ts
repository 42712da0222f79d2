/** What opening an image costs, what it says of a cut or foreign file, and counts and lengths that lie. */

import { describe, expect, test } from 'vitest';

import { memorySource } from '../../../protocol/byte-source.js';
import type { ByteSource } from '../../../protocol/byte-source.js';
import type { ImageErrorCode } from '../../../protocol/image/image-error.js';
import { gapBefore } from '../../../protocol/image/image-layout.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import { encodeSeal } from '../../../protocol/image/image-seal.js';
import { imageHead, planImage } from '../../../protocol/image/image-writer.js';
import { SECTION_NAMES } from '../../../protocol/image/model-shape.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { rawImage } from '../../helpers/raw-image.js';
import type { RawChanges } from '../../helpers/raw-image.js';
import { counting, sparseSource } from '../../helpers/sources.js';
import { tinyImage, tinySections, TINY_SHAPE } from '../../helpers/tiny-image.js';

const IMAGE = tinyImage();
/** Where the boot record ends. */
const BOOT_END = 272;

const codeOf = (bytes: Uint8Array): ImageErrorCode | undefined =>
  imageRefusal(() => openImage(memorySource(bytes)))?.code;

describe('openImage', () => {
  test('reads little of an image of hundreds of megabytes', () => {
    const shape = { ...TINY_SHAPE, vocabSize: 60_000, hiddenSize: 8000, intermediateSize: 1 };
    const counter = counting(largeImage(shape));
    expect(counter.length).toBeGreaterThan(500_000_000);
    expect(openImage(counter).shape).toEqual(shape);
    expect(counter.bytesRead).toBeLessThan(100_000);
    expect(counter.reads).toBeLessThan(100);
  });

  test('finds every truncation, and from the boot record on says how many bytes are missing', () => {
    for (let length = 1; length < IMAGE.length; length++) {
      const error = imageRefusal(() => openImage(memorySource(IMAGE.subarray(0, length))));
      const missing = (length < BOOT_END ? BOOT_END : IMAGE.length) - length;
      expect([error?.code, error?.facts.missing_bytes]).toEqual(['image-truncated', missing]);
    }
  });

  test.each<[string, string, ImageErrorCode]>([
    ['a ZIP file', '504b0304140000000800', 'not-an-image'],
    ['a safetensors file', '9805000000000000 7b225f5f', 'not-an-image'],
    ['other self-described CBOR', 'd9d9f783010203', 'not-an-image'],
    ['the CBOR bomb', '9a06b49d20', 'not-an-image'],
    ['another name', 'd9d9f78e68 6d6d667265652d31', 'not-an-image'],
    ['a later version', 'd9d9f78e68 6d6d667265652f32', 'image-unsupported-version'],
    ['a version that is no digit', 'd9d9f78e68 6d6d667265652f1b', 'image-unsupported-version'],
    ['zeros', '00'.repeat(5000), 'not-an-image'],
  ])('calls %s what it is', (_, hex, code) => {
    expect(codeOf(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toBe(code);
  });

  test('repeats no byte of an unknown version that a terminal could obey', () => {
    const image = IMAGE.slice();
    image[12] = 0x1b;
    expect(imageRefusal(() => openImage(memorySource(image)))?.message).not.toContain('\u001b');
  });

  // Everything else about these images is right, hashes included: this is what a hostile packer can do.
  const setU32 =
    (offset: number, value: number): NonNullable<RawChanges['boot']> =>
    (view) =>
      view.setUint32(offset, value, true);
  const plusOne =
    (offset: number): NonNullable<RawChanges['boot']> =>
    (view) =>
      view.setUint32(offset, view.getUint32(offset, true) + 1, true);

  test.each<[string, RawChanges, ImageErrorCode]>([
    ['an immense hidden size', { boot: setU32(12, 0xffff_ffff) }, 'image-out-of-limits'],
    ['the largest model there can be', { boot: largest }, 'image-too-large'],
    ['one layer more than it holds', { boot: plusOne(20) }, 'image-inconsistent'],
    ['a first token outside the vocabulary', { boot: setU32(24, 7) }, 'image-out-of-limits'],
    ['another first token than its manifest', { boot: setU32(24, 0) }, 'image-inconsistent'],
    ['another last token than its manifest', { boot: setU32(28, 0) }, 'image-inconsistent'],
    ['another length of the file', { boot: plusOne(32) }, 'image-truncated'],
    ['a section off its alignment', { boot: plusOne(44) }, 'image-inconsistent'],
    ['a section at 2^32 - 1', { boot: setU32(60, 0xffff_ffff) }, 'image-inconsistent'],
    ['a section of another length', { boot: plusOne(40) }, 'image-inconsistent'],
    ['a tokenizer of another length', { boot: plusOne(72) }, 'image-inconsistent'],
    ['a tokenizer of 2^32 - 1 bytes', { boot: setU32(72, 0xffff_ffff) }, 'image-too-large'],
    ['a padding that breaks the alignment', { padding: (zeros) => zeros.subarray(1) }, 'image-inconsistent'],
    ['a manifest nested too deep', { manifest: (manifest) => (manifest.name = nested(8)) }, 'image-hostile-cbor'],
    ['a manifest of 5,000 items', { manifest: (manifest) => (manifest.name = items(5000)) }, 'image-hostile-cbor'],
    ['a manifest above 64 KiB', { manifest: ({ model }) => (model.x = new Uint8Array(70_000)) }, 'image-too-large'],
    ['the key __proto__', { manifest: ({ model }) => define(model, '__proto__', {}) }, 'image-bad-manifest'],
    ['a seal without a hash', { seal: (seal) => delete seal.sha256 }, 'image-inconsistent'],
    ['a seal padded to the length of a signed one', { seal: (seal) => (seal.x = longText) }, 'image-inconsistent'],
  ])('gives the right answer to an image with %s', (_, changes, code) => {
    expect(codeOf(rawImage(tinySections(), changes))).toBe(code);
  });
});

/** An image whose contents, all zeros, exist only when they are read. */
function largeImage(shape: ModelShape): ByteSource {
  const plan = planImage({
    name: 'large',
    model: { ...shape, rmsNormEps: '1e-06', useLowerBound: true },
    revision: 0,
    program: [],
    dtypes: 'F16',
    packer: 'mmfree/1',
    tokenizerLength: 100_000,
    promptLength: 1,
    continuationLength: 1,
    signed: false,
  });
  const hash = new Uint8Array(32);
  const sectionSha256 = { tables: hash, vectors: hash, embedding: hash, ternary: hash, tokenizer: hash };
  const selfTest = { prompt: Uint32Array.of(0), tokens: Uint32Array.of(0), receipts: Uint32Array.of(0) };
  const head = imageHead(plan, { checkpointSha256: hash, sectionSha256, selfTest });
  const seal = encodeSeal({ sha256: hash });
  const gaps = SECTION_NAMES.map((name): [number, Uint8Array] => {
    const gap = gapBefore(plan.layout, name);
    return [plan.layout.sections[name].offset - gap.length, gap];
  });
  return sparseSource(plan.layout.fileLength, new Map([...gaps, [0, head], [plan.layout.sealOffset, seal]]));
}

const longText = 'x'.repeat(163 - 42 - 2 - 2);

function largest(view: DataView): void {
  for (const [offset, value] of [65_536, 8_192, 8_192, 256].entries()) view.setUint32(8 + 4 * offset, value, true);
}

function nested(depth: number): unknown {
  return depth === 0 ? [] : [nested(depth - 1)];
}

function items(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true });
}
