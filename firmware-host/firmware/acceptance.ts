/**
 * Which images a board takes: decided from the head before the first erasure, and from every byte before it is started.
 */

import { createHash } from 'node:crypto';
import { verifyEd25519 } from '../../model/node-crypto.js';
import { checkImageProgram } from '../../model/program/image-program.js';
import type { ByteSource } from '../../protocol/byte-source.js';
import { CborError } from '../../protocol/cbor-scan.js';
import type { BootRecord } from '../../protocol/image/boot-record.js';
import { ImageError } from '../../protocol/image/image-error.js';
import { hashSteps, verifySignature } from '../../protocol/image/image-hashes.js';
import { decodeImagePrefix, IMAGE_PREFIX_BYTES } from '../../protocol/image/image-prefix.js';
import { openImage } from '../../protocol/image/image-reader.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import { decodeSeal, sealBytes, signedMessage } from '../../protocol/image/image-seal.js';
import type { ImageSeal } from '../../protocol/image/image-seal.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { weightSteps } from '../../protocol/image/weight-checks.js';
import { sameBytes } from '../../protocol/little-endian.js';
import { Refusal } from './refusal.js';

/** Sizes of a model; a board may be made for smaller ones than the arithmetic allows. */
export type ModelSizes = Pick<ModelShape, 'vocabSize' | 'hiddenSize' | 'intermediateSize' | 'layers'>;

/** What the owner of a board demands of images. */
export interface AcceptancePolicy {
  readonly limits: ModelSizes;
  /** The only Ed25519 key (32 bytes) whose images are taken; any image if absent. */
  readonly signer?: Uint8Array;
  /** Images of a lower revision are refused. */
  readonly minimumRevision: number;
}

/** In the order of fact A of the refusal, from 1. */
const SIZES = ['vocabSize', 'hiddenSize', 'intermediateSize', 'layers'] as const;

/** What is known of a file before its first byte is written. */
export interface ImageHead {
  readonly imageLength: number;
  /** The first 272 bytes of the file. */
  readonly prefix: Uint8Array;
  /** The last ones; unknown where a file comes as a stream from its start. */
  readonly seal?: Uint8Array;
}

/** The length that a file gives itself. @param prefix its first 272 bytes @throws Refusal */
export function imageLengthOf(prefix: Uint8Array): number {
  return orRefusal('notAnImage', () => decodeImagePrefix(prefix)).fileLength;
}

/** Decides from the head of a file; who signed it is seen only with its seal. @throws Refusal */
export function checkHead({ imageLength, prefix, seal }: ImageHead, slotBytes: number, policy: AcceptancePolicy): void {
  const [boot, decodedSeal] = orRefusal('notAnImage', () => {
    return [bootOf(prefix), seal && decodeSeal(seal)] as const;
  });
  const isConsistent =
    boot.fileLength === imageLength && seal?.length === (decodedSeal && sealBytes(decodedSeal.signature !== undefined));
  if (!isConsistent) throw new Refusal('notAnImage');
  if (imageLength > slotBytes) throw new Refusal('imageTooLarge', imageLength, slotBytes);
  checkBoot(boot, policy);
  if (decodedSeal !== undefined) checkSigner(decodedSeal, policy);
}

/**
 * Checks every byte of the image in a slot, in steps of a few milliseconds.
 *
 * @param slot the whole of it; the image may be shorter
 * @throws Refusal
 */
export function* checkedImage(slot: ByteSource, policy: AcceptancePolicy): Generator<void, AcceptedImage> {
  const boot = orRefusal('imageDamaged', () => bootOf(slot.read(0, IMAGE_PREFIX_BYTES).slice()));
  const { fileLength } = boot;
  if (fileLength > slot.length) throw new Refusal('imageDamaged');
  const source: ByteSource = {
    length: fileLength,
    read: (offset, length) => {
      if (offset + length > fileLength) throw new RangeError(`the image ends at ${fileLength}`);
      return slot.read(offset, length);
    },
  };
  const view = orRefusal('imageDamaged', () => openImage(source));
  checkBoot(view, policy);
  checkSigner(view.seal, policy);
  yield* stepsOrRefusal(
    'imageDamaged',
    hashSteps(source, view, () => createHash('sha256')),
  );
  orRefusal('signatureWrong', () => verifySignature(view, verifyEd25519));
  yield* stepsOrRefusal('imageDamaged', weightSteps(source, view));
  return { view, source };
}

/** An image of which every byte was checked. */
export interface AcceptedImage {
  readonly view: ImageView;
  readonly source: ByteSource;
}

/** @throws ImageError */
function bootOf(prefix: Uint8Array): BootRecord {
  const boot = decodeImagePrefix(prefix);
  checkImageProgram(boot);
  return boot;
}

function checkBoot(
  { shape, revision }: Pick<BootRecord, 'shape' | 'revision'>,
  { limits, minimumRevision }: AcceptancePolicy,
): void {
  SIZES.forEach((size, index) => {
    if (shape[size] > limits[size]) throw new Refusal('modelTooLarge', index + 1, limits[size]);
  });
  if (revision < minimumRevision) throw new Refusal('revisionTooOld', revision, minimumRevision);
}

function checkSigner({ sha256, signature }: ImageSeal, { signer }: AcceptancePolicy): void {
  if (signer === undefined) return;
  if (signature === undefined || !sameBytes(signature.publicKey, signer)) throw new Refusal('notSigned');
  if (!verifyEd25519(signer, signedMessage(sha256), signature.signature)) throw new Refusal('signatureWrong');
}

function orRefusal<T>(name: 'notAnImage' | 'imageDamaged' | 'signatureWrong', check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof ImageError || error instanceof CborError ? new Refusal(name) : error;
  }
}

function* stepsOrRefusal(name: 'imageDamaged', steps: Generator<unknown, void>): Generator<void, void> {
  while (orRefusal(name, () => steps.next()).done !== true) yield;
}
