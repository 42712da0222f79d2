/**
 * A checkpoint becomes a weight image: streamed, deterministic, and complete or absent.
 *
 * docs/IMAGE.md and docs/ARITHMETIC.md, section 9. Sections are written where the plan puts them, largest first; head
 * and seal follow when their hashes are known. The file appears under its name only when it is whole.
 */
import { createHash, createPublicKey, sign, type Hash, type KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { ByteSource } from '../../protocol/byte-source.js';
import { imageUnwritable } from '../../protocol/image/image-error.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import { gapBefore } from '../../protocol/image/image-layout.js';
import { encodeSeal, signedMessage, type ImageSignature } from '../../protocol/image/image-seal.js';
import { imageHead, planImage, type ImageOutline } from '../../protocol/image/image-writer.js';
import { SECTION_NAMES } from '../../protocol/image/model-shape.js';
import { tablesSection } from '../../protocol/image/tables.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { CheckpointHash } from './checkpoint-hash.js';
import { FileError } from '../files/file-error.js';
import { OutputFile } from '../files/output-file.js';
import { FileSource, ImageFile } from '../image-file.js';
import { MODEL_PROGRAM } from '../program/model-program.js';
import { streamEmbedding } from './pack-embedding.js';
import { streamTernary } from './pack-ternary.js';
import { SectionWriter } from './section-writer.js';
import { runSelfTest, selfTestLength } from './self-test.js';
import { ternaryTensors } from './ternary-tensors.js';
import { encodeVectors } from './vectors-section.js';

/** Version of docs/ARITHMETIC.md that the image's integers follow. */
const PACKER = 'mmfree/1';

/** Bytes of the finished file hashed at a time. */
const PIECE_BYTES = 4 << 20;

/** What a packer may be told. */
export interface PackOptions {
  /** Name in the image; made of the shape unless given. */
  readonly name?: string;
  /** Revision of the model, 0 … 2³² − 1; 0 unless given. */
  readonly revision?: number;
  /** Program of the gateware; that of the architecture unless given. */
  readonly program?: readonly number[];
  /** Ed25519 private key to sign with. */
  readonly privateKey?: KeyObject;
  /** Files that are read beside the checkpoint's, such as those of the program and the key. */
  readonly inputs?: readonly string[];
  /** Bytes of the checkpoint read so far, and in all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** What comes behind the image in its file, such as the suffix of a DFU file; nothing unless given. */
  readonly suffix?: (image: ByteSource) => Uint8Array;
  /** Ends the work with the signal's reason; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface PackResult {
  readonly image: ImageView;
  /** SHA-256 of the whole image, seal included. */
  readonly fileSha256: Uint8Array;
}

/**
 * Packs an open checkpoint into `path`.
 *
 * @throws CheckpointError, ImageError; FileError if the image would take the place of what it is made of
 */
export async function packCheckpoint(
  checkpoint: Checkpoint,
  path: string,
  options: PackOptions = {},
): Promise<PackResult> {
  const { config } = checkpoint;
  const plan = planImage(outlineOf(checkpoint, options));
  const file = await OutputFile.create(path, { inputs: [...checkpoint.files, ...(options.inputs ?? [])] }).catch(
    (cause: unknown) => {
      throw cause instanceof FileError ? cause : imageUnwritable(path, cause);
    },
  );
  const partial = file.temporaryPath;
  try {
    const writer = new SectionWriter(file.handle, path, plan);
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
    const selfTest = await runSelfTest(partial, plan, options.signal);
    await writer.write(0, imageHead(plan, { checkpointSha256, sectionSha256, selfTest }));
    for (const name of SECTION_NAMES.slice(1)) {
      const gap = gapBefore(plan.layout, name);
      await writer.write(plan.layout.sections[name].offset - gap.length, gap);
    }
    const whole = await hashFile(partial, plan.layout.sealOffset, options.signal);
    const sha256 = whole.copy().digest();
    const seal = encodeSeal({
      sha256,
      ...(options.privateKey && { signature: signImage(sha256, options.privateKey) }),
    });
    await writer.write(plan.layout.sealOffset, seal);
    await writer.write(plan.layout.sealOffset + seal.length, suffixOf(partial, options));
    options.signal?.throwIfAborted();
    await file.commit();
    return { image: readBack(path), fileSha256: whole.update(seal).digest() };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

function outlineOf(checkpoint: Checkpoint, options: PackOptions): ImageOutline {
  const { config, tokenizerJson, chat } = checkpoint;
  const { layers, hiddenSize, vocabSize } = config;
  const dtypes = new Set(Array.from(checkpoint.tensors.values(), ({ dtype }) => dtype));
  return {
    revision: options.revision ?? 0,
    program: options.program ?? MODEL_PROGRAM,
    name: options.name ?? `matmulfree-L${layers}-H${hiddenSize}-V${vocabSize}`,
    model: { ...config, rmsNormEps: String(config.rmsNormEps) },
    dtypes: (['F32', 'F16', 'BF16'] as const).filter((dtype) => dtypes.has(dtype)).join('+'),
    packer: PACKER,
    tokenizerLength: tokenizerJson?.length ?? 0,
    promptLength: 1,
    continuationLength: selfTestLength(config),
    // Without a tokenizer there is no text.
    chat: tokenizerJson && chat,
    signed: options.privateKey !== undefined,
  };
}

function signImage(hash: Uint8Array, privateKey: KeyObject): ImageSignature {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { publicKey: spki.subarray(-32), signature: sign(null, signedMessage(hash), privateKey) };
}

async function hashFile(path: string, length: number, signal: AbortSignal | undefined): Promise<Hash> {
  const source = new FileSource(path);
  const hash = createHash('sha256');
  try {
    for (let offset = 0; offset < length; offset += PIECE_BYTES) {
      hash.update(source.read(offset, Math.min(PIECE_BYTES, length - offset)));
      await setImmediate();
      signal?.throwIfAborted();
    }
  } finally {
    source.close();
  }
  return hash;
}

function suffixOf(path: string, { suffix }: PackOptions): Uint8Array {
  if (suffix === undefined) return new Uint8Array(0);
  const source = new FileSource(path);
  try {
    return suffix(source);
  } finally {
    source.close();
  }
}

/** The image as a reader sees it. */
function readBack(path: string): ImageView {
  const image = ImageFile.open(path);
  image.close();
  return image.view;
}
