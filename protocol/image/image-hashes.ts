/**
 * Whether an image is whole and signed: every byte hashed once for its section and once for the seal, in one pass.
 *
 * Hash and signature check are handed in, because this folder uses no platform's API: either those of Node, which take
 * pieces and answer at once, or {@link ImageCrypto}, which WebCrypto can be as well.
 */

import type { ByteSource } from '../byte-source.js';
import { badSignature, imageDamaged } from './image-error.js';
import type { ImageView } from './image-reader.js';
import { signedMessage } from './image-seal.js';
import { sameBytes } from '../little-endian.js';
import { SECTION_NAMES } from './model-shape.js';

/** SHA-256 in pieces; `createHash('sha256')` of Node is one. */
export interface IncrementalHash {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** A platform's hash and signature check. WebCrypto answers later, and hashes only what is in memory as a whole. */
export interface ImageCrypto {
  /** SHA-256 of the bytes of `source` between two offsets, 32 bytes. */
  readonly sha256: (source: ByteSource, from: number, to: number) => Promise<Uint8Array>;
  /**
   * Ed25519: whether `signature` (64 bytes) is one over `message` by the owner of `publicKey` (32 bytes), which is of
   * no small order.
   */
  readonly verifyEd25519: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => Promise<boolean>;
}

/** Called with bytes done so far and bytes in all. */
export type OnProgress = (doneBytes: number, totalBytes: number) => void;

const PIECE_BYTES = 2 ** 18;

/**
 * Compares the hashes of all sections and of the whole with those in manifest and seal.
 *
 * @throws ImageError `image-damaged`, which names the first damaged section, or the head if all sections are sound
 */
export function verifyHashes(
  source: ByteSource,
  view: ImageView,
  createHash: () => IncrementalHash,
  onProgress?: OnProgress,
): void {
  for (const doneBytes of hashSteps(source, view, createHash)) onProgress?.(doneBytes, view.sealedLength);
}

/** {@link verifyHashes} in steps of a few milliseconds, for those who have other work between; gives the bytes done. */
export function* hashSteps(
  source: ByteSource,
  view: ImageView,
  createHash: () => IncrementalHash,
): Generator<number, void> {
  const whole = createHash();
  function* pass(from: number, to: number, section?: IncrementalHash): Generator<number, void> {
    for (let at = from; at < to; at += PIECE_BYTES) {
      const piece = source.read(at, Math.min(PIECE_BYTES, to - at));
      whole.update(piece);
      section?.update(piece);
      yield at + piece.length;
    }
  }

  let end = 0;
  for (const name of SECTION_NAMES) {
    const { offset, length } = view.sections[name];
    const hash = createHash();
    yield* pass(end, offset);
    end = offset + length;
    yield* pass(offset, end, hash);
    if (!sameBytes(hash.digest(), view.manifest.sectionSha256[name])) throw imageDamaged(name);
  }
  if (!sameBytes(whole.digest(), view.seal.sha256)) throw imageDamaged('head');
}

/** The sections alone, for those who hash the whole elsewhere at the same time. @throws ImageError `image-damaged` */
export async function verifySections(source: ByteSource, view: ImageView, { sha256 }: ImageCrypto): Promise<void> {
  for (const name of SECTION_NAMES) {
    const { offset, length } = view.sections[name];
    const digest = await sha256(source, offset, offset + length);
    if (!sameBytes(digest, view.manifest.sectionSha256[name])) throw imageDamaged(name);
  }
}

/** The whole alone. If all sections are sound, it is the head that is damaged. @throws ImageError `image-damaged` */
export async function verifyWhole(source: ByteSource, view: ImageView, { sha256 }: ImageCrypto): Promise<void> {
  const digest = await sha256(source, 0, view.sealedLength);
  if (!sameBytes(digest, view.seal.sha256)) throw imageDamaged('head');
}

/** SHA-256 of a part of a source with a hash that takes pieces, so that a file need not be in memory. */
export function hashPieces(source: ByteSource, from: number, to: number, hash: IncrementalHash): Uint8Array {
  for (let at = from; at < to; at += PIECE_BYTES) hash.update(source.read(at, Math.min(PIECE_BYTES, to - at)));
  return hash.digest();
}

/**
 * Checks the signature, if the image has one. Says nothing about the contents: that takes {@link verifyHashes}.
 *
 * @param verify Ed25519: whether `signature` is one over `message` by the owner of `publicKey`
 * @throws ImageError `image-bad-signature`
 */
export function verifySignature(
  view: ImageView,
  verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean,
): void {
  const { sha256, signature } = view.seal;
  if (signature === undefined) return;
  if (!verify(signature.publicKey, signedMessage(sha256), signature.signature)) throw badSignature();
}

/** {@link verifySignature} by a platform that answers later. @throws ImageError `image-bad-signature` */
export async function verifySeal({ seal }: Pick<ImageView, 'seal'>, { verifyEd25519 }: ImageCrypto): Promise<void> {
  const { sha256, signature } = seal;
  if (signature === undefined) return;
  if (!(await verifyEd25519(signature.publicKey, signedMessage(sha256), signature.signature))) throw badSignature();
}
