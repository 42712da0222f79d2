/**
 * A saved state as bytes: a head of fixed layout, the words, and what the text needs. docs/STATE.md.
 *
 * The layout is fixed so that a microcontroller writes and reads it without a decoder: it may leave out everything but
 * the head and the words. All numbers are little-endian, u32 unless noted.
 */

import { crc32 } from '../crc32.js';
import { hexOf } from '../hex.js';
import { SHA256_BYTES } from '../image/image-seal.js';
import { MODEL_LIMITS } from '../image/model-shape.js';
import { bytesOfU32, sameBytes, u32OfBytes } from '../little-endian.js';
import { MAX_CANDIDATES, MAX_INV_TEMPERATURE, MAX_TOP_P, type SamplerSettings } from '../sampling.js';
import { isUtf8 } from '../utf8.js';
import { stateProblem, stateWords, type SequenceState, type StateShape } from './sequence-state.js';
import { impossibleState, notAState, stateDamaged, stateOfOtherImage, unsupportedState } from './state-error.js';

/** What a reader of the text holds back until more tokens come. */
export interface HeldText {
  /** Whether a token has printed something: the first one may lose a space. */
  readonly hasBegun: boolean;
  /** Leading characters that the text still loses (decoder `Strip`). */
  readonly stripLeft: number;
  /**
   * Text that is certain and not shown yet, because it may be the beginning of a stop string, or was behind one; UTF-8.
   */
  readonly text: Uint8Array;
  /**
   * Bytes behind it that are not text yet: the beginning of a UTF-8 character, or with the decoder `ByteFallback` all
   * of a run of bytes, which is text only as a whole.
   */
  readonly run: Uint8Array;
  /** Such a run that cannot become text any more: whatever bytes follow in it are U+FFFD each. Then `run` is empty. */
  readonly isRunBroken: boolean;
}

/** All that a file holds. */
export interface SavedState {
  /** SHA-256 of the seal of the image, 32 bytes. */
  readonly image: Uint8Array;
  /** Sizes of its model. */
  readonly shape: StateShape;
  /** What a machine needs to go on. */
  readonly state: SequenceState;
  /** How tokens were chosen. */
  readonly sampler?: SamplerSettings;
  /** What belongs to tokens that were fed, and is no text yet. */
  readonly held?: HeldText;
  /** All tokens fed, `position` of them. */
  readonly tokens?: Uint32Array;
}

export const STATE_HEAD_BYTES = 128;

/** Most tokens that a file lists. A longer text is saved without them. */
export const MAX_STATE_TOKENS = 2 ** 20;

/** Most bytes that are held back as text, and most that are no text yet. */
export const MAX_HELD_BYTES = 2 ** 20;

/** No file is longer. */
export const MAX_STATE_BYTES =
  STATE_HEAD_BYTES + 4 * MODEL_LIMITS.layers * MODEL_LIMITS.hiddenSize + 4 * MAX_STATE_TOKENS + 2 * MAX_HELD_BYTES + 4;

const MAGIC = 0x53464d4d; // "MMFS"
const VERSION = 1;
const AT = {
  magic: 0,
  version: 4,
  headBytes: 6,
  fileBytes: 8,
  parts: 12,
  image: 16,
  shape: 48,
  position: 64,
  lastReceipt: 68,
  chosen: 72,
  nextDraw: 76,
  topK: 80,
  invTemperature: 84,
  topP: 88,
  seedLow: 92,
  seedHigh: 96,
  hasBegun: 100,
  stripLeft: 104,
  heldText: 108,
  heldRun: 112,
  isRunBroken: 116,
  zero: 120,
  crc: 124,
} as const;

/** Bits of `parts`: what else the file says. Fields of absent parts are 0. */
const PARTS = { lastReceipt: 1, chosen: 2, sampler: 4, held: 8, tokens: 16 } as const;
const ALL_PARTS = 31;

const SHAPE_FIELDS = [
  'vocabSize',
  'hiddenSize',
  'intermediateSize',
  'layers',
] as const satisfies readonly (keyof StateShape)[];

/**
 * A state as bytes (docs/STATE.md).
 *
 * @param saved what the file is to say
 * @returns the file
 * @throws RangeError for what {@link decodeState} would not take
 */
export function encodeState(saved: SavedState): Uint8Array {
  const { shape, state, sampler, held, tokens } = saved;
  const problem = savedProblem(saved);
  if (problem !== undefined) throw new RangeError(`a state cannot be saved: ${problem}`);
  const end = STATE_HEAD_BYTES + 4 * state.words.length;
  const textAt = end + 4 * (tokens?.length ?? 0);
  const fileBytes = textAt + padded((held?.text.length ?? 0) + (held?.run.length ?? 0)) + 4;
  const bytes = new Uint8Array(fileBytes);
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number): void => view.setUint32(at, value, true);
  put(AT.magic, MAGIC);
  view.setUint16(AT.version, VERSION, true);
  view.setUint16(AT.headBytes, STATE_HEAD_BYTES, true);
  put(AT.fileBytes, fileBytes);
  const present = { lastReceipt: state.lastReceipt, chosen: state.chosen, sampler, held, tokens };
  put(
    AT.parts,
    Object.entries(PARTS).reduce(
      (sum, [name, bit]) => sum + (present[name as keyof typeof PARTS] === undefined ? 0 : bit),
      0,
    ),
  );
  bytes.set(saved.image, AT.image);
  SHAPE_FIELDS.forEach((field, index) => put(AT.shape + 4 * index, shape[field]));
  put(AT.position, state.position);
  put(AT.lastReceipt, state.lastReceipt ?? 0);
  put(AT.chosen, state.chosen ?? 0);
  put(AT.nextDraw, state.nextDraw);
  for (const field of SAMPLER_FIELDS) put(AT[field], sampler?.[field] ?? 0);
  if (held) {
    put(AT.hasBegun, held.hasBegun ? 1 : 0);
    put(AT.stripLeft, held.stripLeft);
    put(AT.heldText, held.text.length);
    put(AT.heldRun, held.run.length);
    put(AT.isRunBroken, held.isRunBroken ? 1 : 0);
    bytes.set(held.text, textAt);
    bytes.set(held.run, textAt + held.text.length);
  }
  put(AT.crc, crc32(bytes.subarray(0, AT.crc)));
  const { words } = state;
  bytes.set(bytesOfU32(new Uint32Array(words.buffer, words.byteOffset, words.length)), STATE_HEAD_BYTES);
  if (tokens) bytes.set(bytesOfU32(tokens), end);
  put(fileBytes - 4, crc32(bytes.subarray(0, fileBytes - 4)));
  return bytes;
}

/** Whether a file begins as states do. */
export function isState(start: Uint8Array): boolean {
  return start.length >= 4 && new DataView(start.buffer, start.byteOffset).getUint32(0, true) === MAGIC;
}

/**
 * The state that bytes are, checked: docs/STATE.md.
 *
 * @param bytes the whole file; anything may be in it
 * @returns what the file says
 * @throws StateError
 */
export function decodeState(bytes: Uint8Array): SavedState {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const get = (at: number): number => view.getUint32(at, true);
  if (!isState(bytes)) throw notAState();
  if (bytes.length < STATE_HEAD_BYTES) throw stateDamaged('bytes are missing at the end');
  if (get(AT.crc) !== crc32(bytes.subarray(0, AT.crc))) throw stateDamaged('the checksum of the head is wrong');
  const version = view.getUint16(AT.version, true);
  if (version !== VERSION) throw unsupportedState(version);
  if (view.getUint16(AT.headBytes, true) !== STATE_HEAD_BYTES) throw impossibleState('its head has another size');
  const fileBytes = get(AT.fileBytes);
  if (bytes.length !== fileBytes) throw stateDamaged(`there are ${bytes.length} bytes, and it says ${fileBytes}`);
  if (fileBytes < STATE_HEAD_BYTES + 4 || get(fileBytes - 4) !== crc32(bytes.subarray(0, fileBytes - 4))) {
    throw stateDamaged('the checksum is wrong');
  }

  const parts = get(AT.parts);
  const has = (part: keyof typeof PARTS): boolean => (parts & PARTS[part]) !== 0;
  const shape = shapeAt(get);
  const words = stateWords(shape);
  const position = get(AT.position);
  const tokenCount = has('tokens') ? position : 0;
  const textAt = STATE_HEAD_BYTES + 4 * (words + tokenCount);
  const runAt = textAt + get(AT.heldText);
  const heldEnd = runAt + get(AT.heldRun);
  if (parts > ALL_PARTS) throw impossibleState('it has parts that this format does not know');
  if (fileBytes !== textAt + padded(heldEnd - textAt) + 4) throw impossibleState('its length is not that of its parts');
  if (get(AT.hasBegun) > 1 || get(AT.isRunBroken) > 1) throw impossibleState('a field is out of its range');
  if (!isCanonical(bytes, has, heldEnd)) {
    throw impossibleState('something is in a place that must be 0');
  }

  const numbers = (at: number, count: number): Uint32Array => u32OfBytes(bytes.subarray(at, at + 4 * count));
  const saved: SavedState = {
    image: bytes.slice(AT.image, AT.image + SHA256_BYTES),
    shape,
    state: {
      position,
      lastReceipt: has('lastReceipt') ? get(AT.lastReceipt) : undefined,
      chosen: has('chosen') ? get(AT.chosen) : undefined,
      nextDraw: get(AT.nextDraw),
      words: new Int32Array(numbers(STATE_HEAD_BYTES, words).buffer),
    },
    ...(has('sampler') && {
      sampler: {
        topK: get(AT.topK),
        invTemperature: get(AT.invTemperature),
        topP: get(AT.topP),
        seedLow: get(AT.seedLow),
        seedHigh: get(AT.seedHigh),
      },
    }),
    ...(has('held') && {
      held: {
        hasBegun: get(AT.hasBegun) === 1,
        stripLeft: get(AT.stripLeft),
        text: bytes.slice(textAt, runAt),
        run: bytes.slice(runAt, heldEnd),
        isRunBroken: get(AT.isRunBroken) === 1,
      },
    }),
    ...(has('tokens') && { tokens: numbers(STATE_HEAD_BYTES + 4 * words, tokenCount) }),
  };
  const problem = savedProblem(saved);
  if (problem !== undefined) throw impossibleState(problem);
  return saved;
}

/** @param image SHA-256 of the seal of the image at hand @throws StateError `state-other-image`, `state-impossible` */
export function expectStateOf(saved: SavedState, image: Uint8Array, shape: StateShape): void {
  if (!sameBytes(saved.image, image)) throw stateOfOtherImage(hexOf(image), hexOf(saved.image));
  const isSame = SHAPE_FIELDS.every((field) => saved.shape[field] === shape[field]);
  if (!isSame) throw impossibleState('it names this image, and has another shape');
}

const SAMPLER_FIELDS = [
  'topK',
  'invTemperature',
  'topP',
  'seedLow',
  'seedHigh',
] as const satisfies readonly (keyof SamplerSettings)[];

/** What {@link encodeState} and {@link decodeState} refuse, as a clause. */
function savedProblem({ image, shape, state, sampler, held, tokens }: SavedState): string | undefined {
  if (image.length !== SHA256_BYTES) return `the hash of its image has ${image.length} bytes`;
  const beyond = SHAPE_FIELDS.find((field) => !(shape[field] >= 1 && shape[field] <= MODEL_LIMITS[field]));
  if (beyond !== undefined) return `its ${beyond} is ${shape[beyond]}`;
  const problem = stateProblem(state, shape) ?? (sampler && samplerProblem(sampler));
  if (problem !== undefined) return problem;
  const heldProblem = held && heldTextProblem(held);
  if (heldProblem !== undefined) return heldProblem;
  if (!tokens) return undefined;
  if (tokens.length !== state.position || tokens.length > MAX_STATE_TOKENS) {
    return `it lists ${tokens.length} tokens of ${state.position}`;
  }
  // By index: an iterator takes 28 ms for the most that there may be, an index 1.
  for (let index = 0; index < tokens.length; index++) {
    if (tokens[index]! >= shape.vocabSize) return `its token ${tokens[index]} is not below ${shape.vocabSize}`;
  }
  return undefined;
}

function heldTextProblem({ text, run, isRunBroken }: HeldText): string | undefined {
  if (text.length > MAX_HELD_BYTES || run.length > MAX_HELD_BYTES) return 'it holds back more than anybody does';
  if (!isUtf8(text)) return 'the text that it holds back is none';
  return isRunBroken && run.length > 0 ? 'it holds back bytes that are lost' : undefined;
}

function samplerProblem({ topK, invTemperature, topP }: SamplerSettings): string | undefined {
  const isRight =
    topK >= 1 && topK <= MAX_CANDIDATES && invTemperature <= MAX_INV_TEMPERATURE && topP >= 1 && topP <= MAX_TOP_P;
  return isRight ? undefined : `its sampler has top-k ${topK}, 1/temperature ${invTemperature}, top-p ${topP}`;
}

/**
 * @throws StateError `state-impossible` for sizes that the arithmetic is not proven for, before anything is computed
 * with them
 */
function shapeAt(get: (at: number) => number): StateShape {
  const [vocabSize = 0, hiddenSize = 0, intermediateSize = 0, layers = 0] = SHAPE_FIELDS.map((field, index) => {
    const size = get(AT.shape + 4 * index);
    if (size < 1 || size > MODEL_LIMITS[field]) throw impossibleState(`its ${field} is ${size}`);
    return size;
  });
  return { vocabSize, hiddenSize, intermediateSize, layers };
}

/** Whether everything that a reader ignores is 0, so that a state has one file. */
function isCanonical(bytes: Uint8Array, has: (part: keyof typeof PARTS) => boolean, heldEnd: number): boolean {
  const isZero = (start: number, end: number): boolean => bytes.subarray(start, end).every((byte) => byte === 0);
  return (
    (has('lastReceipt') || isZero(AT.lastReceipt, AT.chosen)) &&
    (has('chosen') || isZero(AT.chosen, AT.nextDraw)) &&
    (has('sampler') || isZero(AT.topK, AT.hasBegun)) &&
    (has('held') || isZero(AT.hasBegun, AT.zero)) &&
    isZero(AT.zero, AT.crc) &&
    isZero(heldEnd, bytes.length - 4)
  );
}

function padded(length: number): number {
  return 4 * Math.ceil(length / 4);
}
