/**
 * Reading images that anyone may have made: every check of docs/IMAGE.md, section 6, and that nothing but the packer's
 * own bytes passes all.
 */
import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../protocol/byte-source.js';
import type { ByteSource } from '../../../protocol/byte-source.js';
import { verifyHashes, verifySignature } from '../../../protocol/image/image-hashes.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import type { ImageView } from '../../../protocol/image/image-reader.js';
import { sectionLengths } from '../../../protocol/image/tensors.js';
import type { SectionName } from '../../../protocol/image/model-shape.js';
import { verifyWeights } from '../../../protocol/image/weight-checks.js';
import { count } from '../../helpers/counts.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { rawImage } from '../../helpers/raw-image.js';
import type { RawChanges } from '../../helpers/raw-image.js';
import { counting } from '../../helpers/sources.js';
import { imageOf, TINY_SHAPE, tinyImage, tinySections, zeroSections } from '../../helpers/tiny-image.js';

const HEAD_BYTES = 4096;
/** From one bit, or byte, that is changed to the next: all of them in the long run. */
const STEP = count(7, 1);

/** Opens an image and checks every byte of it, as the command line does. */
function readFully(source: ByteSource): ImageView {
  const view = openImage(source);
  verifyHashes(source, view, () => createHash('sha256'));
  verifyWeights(source, view);
  return view;
}

function refusalCode(image: Uint8Array): string | undefined {
  return imageRefusal(() => readFully(memorySource(image)))?.code;
}

describe('a valid image', () => {
  test('is what an independent, naive writer makes of the same contents', () => {
    expect(rawImage(tinySections())).toEqual(tinyImage());
  });

  test('opens with its shape, revision, name and self-test', () => {
    const view = readFully(memorySource(tinyImage(3, { revision: 0x01020304, name: 'Märchen' })));
    expect(view.shape).toEqual(TINY_SHAPE);
    expect(view.revision).toBe(0x01020304);
    expect(view.manifest.name).toBe('Märchen');
    expect(view.manifest.selfTest.prompt[0]).toBe(TINY_SHAPE.bosTokenId);
    expect(view.seal.signature).toBeUndefined();
  });

  test('is opened by a few small reads, however large it is', () => {
    const shape = { ...TINY_SHAPE, vocabSize: 2000, hiddenSize: 256 };
    const source = counting(memorySource(imageOf(zeroSections(shape))));
    openImage(source);
    expect(source.length).toBeGreaterThan(500_000);
    expect(source.bytesRead).toBeLessThan(40_000);
  });

  test('lies where the byte examples of docs/IMAGE.md say', () => {
    const image = tinyImage();
    expect(Buffer.from(image.subarray(0, 16)).toString('hex')).toBe('d9d9f78e686d6d667265652f31590100');
    expect(Buffer.from(image.subarray(16, 24)).toString('latin1')).toBe('MMFB\x01\x00\x00\x01');
    const { sections } = openImage(memorySource(image));
    for (const { offset } of Object.values(sections)) expect(offset % 4096).toBe(0);
  });
});

describe('a damaged image', () => {
  test('is refused whichever bit of its first 4,096 bytes is flipped', () => {
    const image = tinyImage();
    const source = memorySource(image);
    const unnoticed: number[] = [];
    for (let bit = 0; bit < 8 * HEAD_BYTES; bit += STEP) {
      image[bit >> 3]! ^= 1 << (bit & 7);
      if (imageRefusal(() => readFully(source)) === undefined) unnoticed.push(bit);
      image[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(unnoticed).toEqual([]);
    expect(refusalCode(image)).toBeUndefined();
  });

  test('is refused whichever later byte is changed', () => {
    const image = tinyImage();
    const source = memorySource(image);
    const unnoticed: number[] = [];
    for (let at = HEAD_BYTES; at < image.length; at += STEP) {
      image[at]! ^= 0x10;
      if (imageRefusal(() => readFully(source)) === undefined) unnoticed.push(at);
      image[at]! ^= 0x10;
    }
    expect(unnoticed).toEqual([]);
  });

  test('is refused when it is cut short anywhere in its head, and at every 4 KiB', () => {
    const image = tinyImage();
    const lengths = Array.from({ length: HEAD_BYTES + 1 }, (_, length) => length);
    for (let length = HEAD_BYTES; length < image.length; length += 4096) lengths.push(length - 1, length, length + 1);
    for (const length of [...lengths, image.length - 1]) {
      const code = refusalCode(image.subarray(0, length));
      expect(['not-an-image', 'image-truncated'], `cut to ${length} bytes`).toContain(code);
    }
  });

  test.each([
    ['one byte longer', (image: Uint8Array) => Uint8Array.of(...image, 0), 'image-inconsistent'],
    ['of a later version', (image: Uint8Array) => image.with(12, 0x32), 'image-unsupported-version'],
    ['a gzip file', () => Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0), 'not-an-image'],
    ['empty', () => new Uint8Array(0), 'not-an-image'],
  ])('is refused when it is %s', (_, change, code) => {
    expect(refusalCode(change(tinyImage()))).toBe(code);
  });
});

describe('an image by a hostile packer, with right checksums and hashes,', () => {
  test.each<[string, RawChanges, string]>([
    ['an unknown key', { manifest: (m) => void (m['extra'] = 1) }, 'image-bad-manifest'],
    ['a missing key', { manifest: (m) => void delete m['name'] }, 'image-bad-manifest'],
    [
      'a key of Object.prototype',
      { manifest: (m) => void Object.assign(m.model, { toString: 1 }) },
      'image-bad-manifest',
    ],
    ['a number for a name', { manifest: (m) => void (m['name'] = 7) }, 'image-bad-manifest'],
    ['a name that clears the screen', { manifest: (m) => void (m['name'] = '\u001b[2J') }, 'image-bad-manifest'],
    ['a short hash', { manifest: (m) => void (m.sections['ternary'] = new Uint8Array(31)) }, 'image-bad-manifest'],
    ['another number of weights', { manifest: (m) => void (m['ternary_weights'] = 1) }, 'image-bad-manifest'],
    [
      'a missing receipt',
      { manifest: (m) => void (m.self_test['receipts'] = new Uint8Array(4)) },
      'image-bad-manifest',
    ],
    [
      'a self-test beyond the vocabulary',
      { manifest: (m) => void (m.self_test['prompt'] = Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0)) },
      'image-bad-manifest',
    ],
    ['another shape in the manifest', { manifest: (m) => void (m.model['eos_token_id'] = 3) }, 'image-inconsistent'],
    ['a float', { manifest: (m) => void (m['name'] = 0.5) }, 'image-hostile-cbor'],
    ['null', { manifest: (m) => void (m['name'] = null) }, 'image-hostile-cbor'],
    ['a model too wide', { boot: (view) => view.setUint32(12, 8193, true) }, 'image-out-of-limits'],
    ['no layers', { boot: (view) => view.setUint32(20, 0, true) }, 'image-out-of-limits'],
    ['4 GB of vocabulary', { boot: (view) => view.setUint32(8, 0xffff_ffff, true) }, 'image-out-of-limits'],
    ['a section elsewhere', { boot: (view) => view.setUint32(36, 8192, true) }, 'image-inconsistent'],
    ['a longer section', { boot: (view) => view.setUint32(40, 2000, true) }, 'image-inconsistent'],
    [
      'padding that is not zero',
      { padding: (zeros, name) => (name === 'vectors' ? zeros.fill(1) : zeros) },
      'image-inconsistent',
    ],
    [
      'padding longer than needed',
      { padding: (zeros, name) => (name === 'ternary' ? new Uint8Array(zeros.length + 4096) : zeros) },
      'image-inconsistent',
    ],
    ['an unknown key in the seal', { seal: (seal) => void (seal['extra'] = new Uint8Array(1)) }, 'image-inconsistent'],
    ['half a signature', { seal: (seal) => void (seal['signature'] = new Uint8Array(64)) }, 'image-inconsistent'],
  ])('is refused for %s', (_, changes, code) => {
    expect(refusalCode(rawImage(tinySections(), changes))).toBe(code);
  });

  /** Offsets into the sections of TINY_SHAPE: H 5, I 3. */
  const LAYER_0 = 2 * (16 + 2 * 5);
  test.each<[string, Exclude<SectionName, 'tokenizer'>, number, number[]]>([
    ['another σ table', 'tables', 0, [1]],
    ['mm below 2^14', 'vectors', LAYER_0, [0xff, 0x3f]],
    ['em above 24', 'vectors', LAYER_0 + 2, [25, 0]],
    ['em below −64', 'vectors', LAYER_0 + 2, [0xbf, 0xff]],
    ['an embedding shift of 16', 'vectors', 0, [16, 0]],
    ['an ε shift of 128', 'vectors', LAYER_0 + 24, [128, 0]],
    ['an unused constant', 'vectors', LAYER_0 + 30, [1, 0]],
    ['a gain of −32768', 'vectors', LAYER_0 + 32, [0x00, 0x80]],
    ['a negative forget complement', 'vectors', LAYER_0 + 32 + 4 * 10, [0xff, 0xff]],
    ['a row scale above 32767', 'embedding', 0, [0x00, 0x80]],
    ['padding in an embedding row', 'embedding', 7, [1]],
    ['a byte that is no five trits', 'ternary', 0, [243]],
    ['a weight in a missing row', 'ternary', sectionLengths(TINY_SHAPE).ternary - 1, [242]],
  ])('is refused for %s', (_, section, offset, bytes) => {
    const sections = tinySections();
    const changed = sections[section].slice();
    changed.set(bytes, offset);
    expect(refusalCode(imageOf({ ...sections, [section]: changed }))).toBe('image-bad-weights');
  });
});

describe('a signature', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const signed = (key = privateKey): Uint8Array =>
    tinyImage(1, { sign: (message) => ({ publicKey: raw, signature: new Uint8Array(sign(null, message, key)) }) });
  const check = (image: Uint8Array): string | undefined =>
    imageRefusal(() =>
      verifySignature(openImage(memorySource(image)), (key, message, signature) => {
        expect(key).toEqual(raw);
        return verify(null, message, publicKey, signature);
      }),
    )?.code;

  test('by the key that the image names is accepted', () => {
    expect(check(signed())).toBeUndefined();
  });

  test('by another key is refused', () => {
    expect(check(signed(generateKeyPairSync('ed25519').privateKey))).toBe('image-bad-signature');
  });
});
