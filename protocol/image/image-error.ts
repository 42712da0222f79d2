/**
 * Everything that can be wrong with a weight image, in words.
 *
 * An image comes from a download, a card or a flash, so each refusal is an ordinary event. What is wrong inside an
 * image is told without a file's name: the bytes may come from a board. Text out of an image is never repeated.
 */

import { MmfreeError, sentenceOf } from '../errors.js';
import { systemFix } from '../system-error.js';
import type { ErrorDetails } from '../errors.js';
import type { SectionName } from './model-shape.js';
import { counted } from '../counted.js';

export type ImageErrorCode =
  /** There is no such file, or the operating system refuses to read or write it. */
  | 'image-unreadable'
  | 'image-changed'
  | 'image-unwritable'
  /** The first bytes are those of something else. */
  | 'not-an-image'
  /** A later format. */
  | 'image-unsupported-version'
  /** Bytes are missing at the end. */
  | 'image-truncated'
  /** A checksum or a SHA-256 does not match. */
  | 'image-damaged'
  /** CBOR that is not deterministic, or is made to exhaust a decoder. */
  | 'image-hostile-cbor'
  /** Two statements of the image contradict each other or the format. */
  | 'image-inconsistent'
  /** A manifest with other keys, types or lengths. */
  | 'image-bad-manifest'
  /** A shape that the arithmetic is not proven for. */
  | 'image-out-of-limits'
  /** More bytes than the format can address. */
  | 'image-too-large'
  /** A weight, constant or table that the arithmetic does not allow. */
  | 'image-bad-weights'
  /** The program of the gateware would not compute a token. */
  | 'image-bad-program'
  /** An older image, for machines that need no program. */
  | 'image-no-program'
  /** The signature is not one of this image by its public key. */
  | 'image-bad-signature';

/** An image that cannot be used or made. */
export class ImageError extends MmfreeError<ImageErrorCode> {}

const COPY_AGAIN = 'Copy the image again and compare its SHA-256 with that of the original, or pack it again.';
const PACK_AGAIN = 'Do not use this image; make one from the checkpoint.';

function fail(code: ImageErrorCode, message: string, details: ErrorDetails): ImageError {
  return new ImageError(code, message, details);
}

// Files

/** @param problem a whole clause about the suffix of a DFU file */
export function suffixDamaged(path: string, problem: string): ImageError {
  return fail('image-damaged', `the DFU file ${path} is damaged`, {
    reason: `It ends with a DFU suffix, and ${problem}.`,
    fix: 'Copy the file again, or make its suffix again.',
    facts: { file: path },
  });
}

/** @param cause the operating system's error, or that of a file that is none, such as a pipe */
export function imageUnreadable(path: string, cause: unknown): ImageError {
  return fail('image-unreadable', `cannot read the image ${path}`, {
    reason: sentence(cause),
    fix: (cause instanceof MmfreeError ? cause.fix : systemFix(cause)) ?? 'Check the path and the permissions.',
    facts: { file: path },
    cause,
  });
}

export function imageChanged(path: string): ImageError {
  return fail('image-changed', `${path} was changed while it was read`, {
    reason: 'What was checked and what was loaded need not be the same then.',
    fix: 'Wait until nobody writes to it, and run the same command again.',
    facts: { file: path },
  });
}

/** @param cause the operating system's error */
export function imageUnwritable(path: string, cause: unknown): ImageError {
  return fail('image-unwritable', `cannot write the image ${path}`, {
    reason: sentence(cause),
    fix: systemFix(cause) ?? 'Check the folder and its permissions, or give another path.',
    facts: { file: path },
    cause,
  });
}

// Container

export function notAnImage(): ImageError {
  return fail('not-an-image', 'this is not a weight image', {
    reason: 'A weight image starts with the bytes d9 d9 f7 8e and the name mmfree/1.',
    fix: 'Give an image; a checkpoint has to be packed first.',
  });
}

/** @param found as printed, such as `mmfree/2`; ASCII only */
export function unsupportedVersion(found: string): ImageError {
  return fail('image-unsupported-version', `the image has format ${found}, this program reads mmfree/1`, {
    reason: 'It was packed by another version of mmfree, or its first bytes are damaged.',
    fix: 'Update mmfree, or pack the checkpoint again with this version.',
    facts: { found },
  });
}

/** @param missingBytes at least this many; exactly this many once the boot record was read */
export function imageTruncated(missingBytes: number): ImageError {
  return fail('image-truncated', `the image is cut short by ${counted(missingBytes, 'byte')}`, {
    reason: 'A download, copy or transfer did not finish.',
    fix: COPY_AGAIN,
    facts: { missing_bytes: missingBytes },
  });
}

export function trailingBytes(bytes: number): ImageError {
  return fail('image-inconsistent', `the image is too long by ${counted(bytes, 'byte')}`, {
    reason: 'The file is longer than its boot record says.',
    fix: COPY_AGAIN,
    facts: { bytes },
  });
}

/** @param part what the checksum covers: `boot record`, `head`, or the name of a section */
export function imageDamaged(part: 'boot record' | 'head' | SectionName): ImageError {
  const checksum = part === 'boot record' ? 'CRC-32' : 'SHA-256';
  return fail('image-damaged', `the image is damaged in its ${part}`, {
    reason: `The ${checksum} over it does not match the one in the image.`,
    fix: COPY_AGAIN,
    facts: { part },
  });
}

/** @param problem a whole clause, without the final period */
export function hostileCbor(problem: string, offset: number, cause: unknown): ImageError {
  return fail('image-hostile-cbor', `the image is not valid: at byte ${offset} ${problem}`, {
    reason: 'Images are deterministic CBOR; anything else is refused before it is decoded.',
    fix: PACK_AGAIN,
    facts: { offset },
    cause,
  });
}

/** @param problem a whole clause, without the final period */
export function inconsistentImage(problem: string): ImageError {
  return fail('image-inconsistent', 'the image contradicts itself', {
    reason: sentenceOf(problem),
    fix: PACK_AGAIN,
  });
}

/**
 * @param key path such as `model.layers`; a period at its end means the map itself
 * @param expected completes "it must …"
 */
export function badManifest(key: string, expected: string): ImageError {
  const where = key === '' ? '' : `: ${key.replace(/\.$/, '')}`;
  return fail('image-bad-manifest', `the manifest of the image is not valid${where}`, {
    reason: `It must ${expected}.`,
    fix: PACK_AGAIN,
    facts: { key },
  });
}

export function badName(): ImageError {
  return fail('image-bad-manifest', 'the name of the image is not valid', {
    reason: 'It must be 1 to 64 bytes of UTF-8 text without control and format characters.',
    fix: 'Pack the checkpoint with a name like that.',
    facts: { key: 'name' },
  });
}

/** @param what such as `hidden_size` */
export function outOfLimits(what: string, value: number, smallest: number, largest: number): ImageError {
  return fail('image-out-of-limits', `${what} is ${value}`, {
    reason: `The arithmetic is defined for ${smallest} to ${largest}.`,
    fix: 'Use a model within these limits.',
    facts: { key: what, value, smallest, largest },
  });
}

/** @param what `the image` or `its manifest` */
export function imageTooLarge(what: string, bytes: number, limitBytes: number): ImageError {
  return fail('image-too-large', `${what} would have ${bytes} bytes`, {
    reason: `The format can address ${limitBytes} bytes.`,
    fix: 'Use a smaller model, tokenizer or self-test.',
    facts: { bytes, limit_bytes: limitBytes },
  });
}

// Contents

/**
 * @param offset in the section, in bytes
 * @param problem a whole clause, without the final period
 */
export function badWeights(section: SectionName, offset: number, problem: string): ImageError {
  return fail('image-bad-weights', `section ${section} of the image is not valid at its byte ${offset}`, {
    reason: sentenceOf(problem),
    fix: PACK_AGAIN,
    facts: { section, offset },
  });
}

/**
 * @param address of a word, from 0
 * @param problem a whole clause, without the final period
 */
export function badProgram(address: number, problem: string): ImageError {
  return fail('image-bad-program', `the gateware's program in the image is not valid at its word ${address}`, {
    reason: sentenceOf(problem),
    fix: PACK_AGAIN,
    facts: { address },
  });
}

export function noProgram(): ImageError {
  return fail('image-no-program', 'the image has no program for gateware', {
    reason: 'It was packed by a version of mmfree that wrote none; everything else in it can be used.',
    fix: 'Pack the checkpoint again.',
  });
}

export function badSignature(): ImageError {
  return fail('image-bad-signature', 'the signature of the image is not valid', {
    reason: 'The image was changed after it was signed, or signed with another key than the one it names.',
    fix: 'Do not use this image; get it again from whoever signed it.',
  });
}

function sentence(cause: unknown): string {
  return `${cause instanceof Error ? cause.message : String(cause)}.`;
}
