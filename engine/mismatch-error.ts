/** Two machines that should compute the same and do not, in words. */
import { MmfreeError } from '../protocol/errors.js';
import { hexOfWord } from '../protocol/hex.js';

export type MismatchCode = 'mismatch-receipt' | 'mismatch-sampler' | 'mismatch-golden' | 'mismatch-gradients';

/** Exit code 9. */
export class MismatchError extends MmfreeError<MismatchCode> {}

/** The first difference of a stream. */
export interface Mismatch {
  /** For people: which stream. */
  readonly stream: string;
  /** Index of the token in the stream. */
  readonly position: number;
  /** The token after which the logits differ. */
  readonly token: number;
  /** CRC-32 of the logits, as it was recorded or as the reference computes it. */
  readonly expectedReceipt: number;
  /** As the machine computes it. */
  readonly actualReceipt: number;
  /** Where the taps first differ; absent without a second machine, or when all taps agree and only the head differs. */
  readonly layer?: TapMismatch;
}

/** Tap 0 is the embedding, tap l + 1 the residual after layer l. */
export interface TapMismatch {
  /** 0 … L. */
  readonly tap: number;
  /** CRC-32 of the residual, of the reference. */
  readonly expected: number;
  /** Of the machine. */
  readonly actual: number;
}

/** The first token whose receipt differs, and the layer where that is known. */
export function receiptMismatch(subject: string, mismatch: Mismatch): MismatchError {
  const { stream, position, token, expectedReceipt, actualReceipt, layer } = mismatch;
  const values = layer
    ? `${tapName(layer.tap)}: expected ${hexOfWord(layer.expected)}, got ${hexOfWord(layer.actual)}`
    : `logits: expected ${hexOfWord(expectedReceipt)}, got ${hexOfWord(actualReceipt)}`;
  return new MismatchError('mismatch-receipt', `${subject} differs at token ${position} of ${stream} (id ${token})`, {
    reason: `${values} (CRC-32).`,
    fix: 'Compare that layer with test vectors; on a computer, run the tests and suspect the machine.',
    facts: {
      stream,
      position,
      token,
      expected_receipt: hexOfWord(expectedReceipt),
      actual_receipt: hexOfWord(actualReceipt),
      ...(layer && {
        layer: tapName(layer.tap),
        expected_tap: hexOfWord(layer.expected),
        actual_tap: hexOfWord(layer.actual),
      }),
    },
  });
}

/** The same logits, but another token was chosen. */
export function samplerMismatch(subject: string, position: number, expected: number, actual: number): MismatchError {
  return new MismatchError('mismatch-sampler', `${subject} samples another token at ${position}`, {
    reason: `From the same logits it chose ${actual}, and not ${expected}.`,
    fix: 'Compare its sampler with docs/ARITHMETIC.md, section 8, and with test vectors.',
    facts: { position, expected_token: expected, actual_token: actual },
  });
}

function tapName(tap: number): string {
  return tap === 0 ? 'embedding' : `layer ${tap - 1}`;
}

/** Logits farther from PyTorch's than the tolerance. */
export function goldenMismatch(maxAbsDiff: number, tolerance: number): MismatchError {
  return new MismatchError(
    'mismatch-golden',
    `a logit differs by ${maxAbsDiff.toExponential(2)}, more than ${tolerance}`,
    {
      reason:
        'Either the checkpoint is another one, or its activations lie on int8 rounding edges, where float32 and double precision part by tenths.',
      fix: 'Judge a trained checkpoint by its loss, or allow more.',
      facts: { max_abs_diff: maxAbsDiff, tolerance },
    },
  );
}

/** A gradient farther from PyTorch's than the tolerance. */
export function gradientMismatch(tensor: string, relativeError: number, tolerance: number): MismatchError {
  return new MismatchError(
    'mismatch-gradients',
    `the gradient of ${tensor} differs by ${(100 * relativeError).toFixed(2)} %, more than ${100 * tolerance} %`,
    {
      reason:
        'Either the checkpoint or the tokens are others, or so many int8 roundings fell differently. Two correct programs differ by up to 3 %.',
      fix: 'Export gradients again in float32, or allow more.',
      facts: { tensor, relative_error: relativeError, tolerance },
    },
  );
}
