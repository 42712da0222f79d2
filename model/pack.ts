/**
 * A checkpoint becomes a weight image: streamed, deterministic, and complete or absent.
 *
 * docs/IMAGE.md and docs/ARITHMETIC.md, section 9. Sections are written where the plan puts them, largest first; head and seal follow when
 * their hashes are known. The file appears under its name only when it is whole.
 */
import { createHash, createPublicKey, sign, type Hash, type KeyObject } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { imageUnwritable } from '../protocol/image-error.js';
import type { ImageView } from '../protocol/image-reader.js';
import { gapBefore } from '../protocol/image-layout.js';
import { encodeSeal, signedMessage, type ImageSignature } from '../protocol/image-seal.js';
import { imageHead, planImage, type ImageOutline, type ImagePlan } from '../protocol/image-writer.js';
import type { SelfTest } from '../protocol/manifest.js';
import { SECTION_NAMES, ternaryWeights, type ModelShape, type SectionName } from '../protocol/model-shape.js';
import { tablesSection } from '../protocol/tables.js';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import { blockNames, expectedTensors, HEAD } from './checkpoint/tensor-names.js';
import { tensorInfo } from './checkpoint/tensor-source.js';
import type { ModelConfig } from './config.js';
import { FileSource, ImageFile, streamedBytes } from './image-file.js';
import { IntegerModel } from './integer-model.js';
import { readModelWeights } from './model-weights.js';
import { streamEmbedding } from './pack-embedding.js';
import { streamTernary, type TernaryTensor } from './pack-ternary.js';
import { encodeVectors } from './vectors-section.js';

/** Version of docs/ARITHMETIC.md that the image's integers follow. */
const PACKER = 'mmfree/1';

/** What a packer may be told. */
export interface PackOptions {
  /** Name in the image; made of the shape unless given. */
  readonly name?: string;
  /** Revision of the model, 0 … 2³² − 1; 0 unless given. */
  readonly revision?: number;
  /** Ed25519 private key to sign with. */
  readonly privateKey?: KeyObject;
  /** Bytes of the checkpoint read so far, and in all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Ends the work with the signal's reason; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface PackResult {
  readonly image: ImageView;
  /** SHA-256 of the whole file, seal included. */
  readonly fileSha256: Uint8Array;
}

/**
 * Packs an open checkpoint into `path`.
 *
 * @throws CheckpointError, ImageError
 */
export async function packCheckpoint(
  checkpoint: Checkpoint,
  path: string,
  options: PackOptions = {},
): Promise<PackResult> {
  const { config } = checkpoint;
  const plan = planImage(outlineOf(checkpoint, options));
  const partial = `${path}.partial`;
  let file: FileHandle;
  try {
    file = await open(partial, 'w+');
  } catch (cause) {
    throw imageUnwritable(path, cause);
  }
  try {
    const writer = new SectionWriter(file, path, plan);
    const checkpointHash = new CheckpointHash(checkpoint, options);
    const means = new Map<string, number>();
    for (const tensor of ternaryTensors(config)) {
      const onRaw = checkpointHash.tensor(tensor.name);
      const mean = await streamTernary(checkpoint, tensor, onRaw, (bytes) => writer.append('ternary', bytes));
      means.set(tensor.name, mean);
    }
    const embeddingShift = await streamEmbedding(checkpoint, config, (bytes) => writer.append('embedding', bytes));
    await writer.append('vectors', await encodeVectors(checkpoint, { config, means, embeddingShift }));
    await writer.append('tables', tablesSection());
    await writer.append('tokenizer', checkpoint.tokenizerJson ?? new Uint8Array(0));
    const checkpointSha256 = await checkpointHash.digest();
    const sectionSha256 = writer.digests();

    // The self-test runs on the file as written, before head and seal make it an image.
    const selfTest = runSelfTest(partial, plan, options.signal);
    await writer.write(0, imageHead(plan, { checkpointSha256, sectionSha256, selfTest }));
    for (const name of SECTION_NAMES.slice(1)) {
      const gap = gapBefore(plan.layout, name);
      await writer.write(plan.layout.sections[name].offset - gap.length, gap);
    }
    const whole = hashFile(partial, plan.layout.sealOffset);
    const sha256 = whole.copy().digest();
    const seal = encodeSeal({
      sha256,
      ...(options.privateKey && { signature: signImage(sha256, options.privateKey) }),
    });
    await writer.write(plan.layout.sealOffset, seal);
    await file.sync();
    await file.close();
    await rename(partial, path);
    return { image: readBack(path), fileSha256: whole.update(seal).digest() };
  } catch (error) {
    await file.close();
    await rm(partial, { force: true });
    throw error;
  }
}

/** The ternary tensors in the order of the image's section. */
function ternaryTensors(config: ModelConfig): readonly TernaryTensor[] {
  const { hiddenSize: h, intermediateSize: i, layers, vocabSize } = config;
  const tensors: TernaryTensor[] = [];
  for (let l = 0; l < layers; l++) {
    const names = blockNames(l);
    for (const { weight } of [names.iProj, names.fProj, names.gProj, names.oProj]) {
      tensors.push({ name: weight, rows: h, columns: h, interleaved: false });
    }
    tensors.push({ name: names.gateProj.weight, rows: 2 * i, columns: h, interleaved: true });
    tensors.push({ name: names.downProj.weight, rows: h, columns: i, interleaved: false });
  }
  tensors.push({ name: HEAD.weight, rows: vocabSize, columns: h, interleaved: false });
  return tensors;
}

/** Tokens of the self-test's continuation: as many as about 400 M weights pay for, 2 to 16. */
function selfTestLength(shape: ModelShape): number {
  return Math.max(2, Math.min(16, Math.floor(400e6 / ternaryWeights(shape))));
}

function outlineOf(checkpoint: Checkpoint, options: PackOptions): ImageOutline {
  const { config, tokenizerJson } = checkpoint;
  const { layers, hiddenSize, vocabSize } = config;
  const dtypes = new Set(Array.from(checkpoint.tensors.values(), ({ dtype }) => dtype));
  return {
    revision: options.revision ?? 0,
    name: options.name ?? `matmulfree-L${layers}-H${hiddenSize}-V${vocabSize}`,
    model: { ...config, rmsNormEps: String(config.rmsNormEps) },
    dtypes: (['F32', 'F16', 'BF16'] as const).filter((dtype) => dtypes.has(dtype)).join('+'),
    packer: PACKER,
    tokenizerLength: tokenizerJson?.length ?? 0,
    promptLength: 1,
    continuationLength: selfTestLength(config),
    signed: options.privateKey !== undefined,
  };
}

/** Writes sections piece by piece at their places and hashes them. */
class SectionWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #plan: ImagePlan;
  readonly #hashes = new Map<SectionName, { readonly hash: Hash; bytes: number }>(
    SECTION_NAMES.map((name) => [name, { hash: createHash('sha256'), bytes: 0 }]),
  );

  constructor(file: FileHandle, path: string, plan: ImagePlan) {
    this.#file = file;
    this.#path = path;
    this.#plan = plan;
  }

  async append(name: SectionName, bytes: Uint8Array): Promise<void> {
    const section = this.#hashes.get(name);
    const place = this.#plan.layout.sections[name];
    if (!section || section.bytes + bytes.length > place.length) throw new RangeError(`section ${name} is too long`);
    await this.write(place.offset + section.bytes, bytes);
    section.hash.update(bytes);
    section.bytes += bytes.length;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
    } catch (cause) {
      throw imageUnwritable(this.#path, cause);
    }
  }

  digests(): Record<SectionName, Uint8Array> {
    const digest = (name: SectionName): Uint8Array => {
      const section = this.#hashes.get(name);
      if (!section || section.bytes !== this.#plan.layout.sections[name].length) {
        throw new RangeError(`section ${name} is too short`);
      }
      return section.hash.digest();
    };
    return {
      tables: digest('tables'),
      vectors: digest('vectors'),
      embedding: digest('embedding'),
      ternary: digest('ternary'),
      tokenizer: digest('tokenizer'),
    };
  }
}

/** Bytes hashed at a time where a tensor is read for its hash alone. */
const HASH_PIECE_BYTES = 4 << 20;

/** SHA-256 of the SHA-256 of config, tokenizer and every tensor; also where progress is counted. */
class CheckpointHash {
  readonly totalBytes: number;
  readonly #checkpoint: Checkpoint;
  readonly #options: PackOptions;
  readonly #tensors = new Map<string, Hash>();
  #doneBytes = 0;

  constructor(checkpoint: Checkpoint, options: PackOptions) {
    this.#checkpoint = checkpoint;
    this.#options = options;
    this.totalBytes = [...checkpoint.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Feeds the bytes of one tensor, in order. */
  tensor(name: string): (bytes: Uint8Array) => void {
    const hash = createHash('sha256');
    this.#tensors.set(name, hash);
    return (bytes) => {
      hash.update(bytes);
      this.#doneBytes += bytes.length;
      this.#options.signal?.throwIfAborted();
      this.#options.onProgress?.(this.#doneBytes, this.totalBytes);
    };
  }

  /** Reads the tensors that nobody fed, and combines. */
  async digest(): Promise<Uint8Array> {
    const { config, configJson, tokenizerJson } = this.#checkpoint;
    const parts = createHash('sha256').update(digestOf(configJson));
    if (tokenizerJson) parts.update(digestOf(tokenizerJson));
    for (const name of expectedTensors(config).keys()) {
      if (!this.#tensors.has(name)) await this.#readTensor(name);
      parts.update(this.#tensors.get(name)?.digest() ?? '');
    }
    return parts.digest();
  }

  async #readTensor(name: string): Promise<void> {
    const feed = this.tensor(name);
    const { byteLength } = tensorInfo(this.#checkpoint, name);
    const piece = new Uint8Array(Math.min(HASH_PIECE_BYTES, byteLength));
    for (let offset = 0; offset < byteLength; offset += piece.length) {
      const bytes = piece.subarray(0, byteLength - offset);
      await this.#checkpoint.readRaw(name, offset, bytes);
      feed(bytes);
    }
  }
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function hashFile(path: string, length: number): Hash {
  const source = new FileSource(path);
  const hash = createHash('sha256');
  try {
    for (let offset = 0; offset < length; offset += HASH_PIECE_BYTES) {
      hash.update(source.read(offset, Math.min(HASH_PIECE_BYTES, length - offset)));
    }
  } finally {
    source.close();
  }
  return hash;
}

function signImage(hash: Uint8Array, privateKey: KeyObject): ImageSignature {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { publicKey: spki.subarray(-32), signature: sign(null, signedMessage(hash), privateKey) };
}

/** The image as a reader sees it. */
function readBack(path: string): ImageView {
  const image = ImageFile.open(path);
  image.close();
  return image.view;
}

/** Greedy continuation of the beginning-of-text token, by the integer model on the weights as written. */
function runSelfTest(path: string, plan: ImagePlan, signal: AbortSignal | undefined): SelfTest {
  const { model: shape, continuationLength } = plan.outline;
  const source = new FileSource(path);
  try {
    const model = new IntegerModel(readModelWeights(streamedBytes(source, shape, plan.layout.sections)));
    const prompt = Uint32Array.of(shape.bosTokenId);
    const tokens = new Uint32Array(continuationLength);
    const receipts = new Uint32Array(continuationLength);
    let next = shape.bosTokenId;
    for (let k = 0; k < continuationLength; k++) {
      signal?.throwIfAborted();
      model.step(next);
      receipts[k] = model.receipt();
      next = greedy(model.logits);
      tokens[k] = next;
    }
    return { prompt, tokens, receipts };
  } finally {
    source.close();
  }
}

/** The largest logit; the lowest id of equals. */
function greedy(logits: Int32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  return best;
}
