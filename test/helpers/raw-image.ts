/**
 * Images by a second, naive writer: cborg and a search for each padding, with every part open to change before the
 * checksums and hashes over it are made. What a hostile packer can do, and an oracle for the real writer.
 */

import { encode } from 'cborg';
import { crc32 } from 'node:zlib';

import { SECTION_NAMES } from '../../protocol/image/model-shape.js';
import type { ModelSections, SectionName } from '../../protocol/image/model-shape.js';
import { sha256 } from './tiny-image.js';

type Fields = Record<string, unknown>;

/** docs/IMAGE.md, section 2: the program of every model, encoded by hand from docs/GATEWARE.md, section 4. */
const PROGRAM = `
  1c00 9000 2c00 3c00 4c20 5c00 4e44 5e40 4468 5c80 6400 7000 3d00 4ecc 5ec0 20e0
  3c00 4d10 5d00 8c00 3201 4f35 5ec1 ac01 9000 bc00 2c00 3c00 4c22 5d40 0c00`;

/** The manifest before it is encoded, with its keys as in the file. */
export interface RawManifest extends Fields {
  model: Fields;
  source: Fields;
  sections: Fields;
  self_test: Fields;
}

/** Changes to an otherwise right image; each is made before the checksums and hashes over it. */
export interface RawChanges {
  readonly manifest?: (manifest: RawManifest) => void;
  /** The boot record without its CRC. */
  readonly boot?: (view: DataView) => void;
  /** Another padding in front of a section. */
  readonly padding?: (zeros: Uint8Array, name: SectionName) => Uint8Array;
  readonly seal?: (seal: Fields) => void;
}

/** The image of `sections` with the default tokenizer, self-test and names of `tiny-image.ts`. */
export function rawImage(sections: ModelSections, changes: RawChanges = {}): Uint8Array {
  const contents = { ...sections, tokenizer: new TextEncoder().encode('{"version":"1.0"}') };
  const manifest = rawManifest(sections, contents);
  changes.manifest?.(manifest);

  const prefix = Buffer.concat([Uint8Array.of(0xd9, 0xd9, 0xf7, 0x8e), encode('mmfree/1'), Uint8Array.of(0x59, 1, 0)]);
  const boot = new DataView(new ArrayBuffer(256));
  let image = Buffer.concat([prefix, new Uint8Array(256), encode(manifest)]);
  for (const [index, name] of SECTION_NAMES.entries()) {
    const head = encode(contents[name]).subarray(0, -contents[name].length);
    let zeros = 0;
    while ((image.length + encodedLength(zeros) + head.length) % 4096 !== 0) zeros++;
    const padding = new Uint8Array(zeros);
    image = Buffer.concat([image, encode(changes.padding?.(padding, name) ?? padding), head]);
    boot.setUint32(36 + 8 * index, image.length, true);
    boot.setUint32(40 + 8 * index, contents[name].length, true);
    image = Buffer.concat([image, contents[name]]);
  }

  const seal: Fields = { sha256: new Uint8Array(32) };
  changes.seal?.(seal);
  const { vocabSize, hiddenSize, intermediateSize, layers, bosTokenId, eosTokenId } = sections.shape;
  const words = [0x42464d4d, 0x01000001, vocabSize, hiddenSize, intermediateSize, layers, bosTokenId, eosTokenId];
  [...words, image.length + encode(seal).length].forEach((word, index) => boot.setUint32(4 * index, word, true));
  PROGRAM.match(/[0-9a-f]{4}/g)?.forEach((word, index) => boot.setUint16(80 + 2 * index, parseInt(word, 16), true));
  changes.boot?.(boot);
  boot.setUint32(252, crc32(new Uint8Array(boot.buffer, 0, 252)), true);
  image.set(new Uint8Array(boot.buffer), 16);
  if (seal.sha256 instanceof Uint8Array && seal.sha256.length === 32) seal.sha256 = sha256(image);
  return new Uint8Array(Buffer.concat([image, encode(seal)]));
}

function rawManifest({ shape }: ModelSections, contents: Readonly<Record<SectionName, Uint8Array>>): RawManifest {
  const { vocabSize: v, hiddenSize: h, intermediateSize: i, layers } = shape;
  const u32s = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
  return {
    name: 'tiny',
    model: {
      vocab_size: v,
      hidden_size: h,
      intermediate_size: i,
      layers,
      bos_token_id: shape.bosTokenId,
      eos_token_id: shape.eosTokenId,
      rms_norm_eps: '1e-06',
      use_lower_bound: true,
    },
    source: { checkpoint_sha256: sha256(new Uint8Array(0)), dtypes: 'F32', packer: 'mmfree/1' },
    sections: Object.fromEntries(SECTION_NAMES.map((name) => [name, sha256(contents[name])])),
    self_test: {
      prompt: u32s(shape.bosTokenId, 0),
      tokens: u32s(v - 1, 0, 1),
      receipts: u32s(0xffff_ffff, 0, 0x8000_0000, 1),
    },
    ternary_weights: layers * (4 * h * h + 3 * i * h) + v * h,
  };
}

/** Bytes of a padding of at most 8 KiB, its head included. */
function encodedLength(zeros: number): number {
  return zeros + (zeros < 24 ? 1 : zeros < 256 ? 2 : 3);
}
