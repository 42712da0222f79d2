/**
 * The state of a sequence as a value: everything that a machine must know to go on exactly as if it had not stopped.
 *
 * A state may come from a file or over a wire, so it is checked before a machine takes it. docs/STATE.md.
 */

import type { ModelShape } from '../image/model-shape.js';

/** The sizes of a model that its states depend on. */
export type StateShape = Pick<ModelShape, 'vocabSize' | 'hiddenSize' | 'intermediateSize' | 'layers'>;

/** A state; nobody writes into one. */
export interface SequenceState {
  /** Tokens fed since the state was zero, 0 … 2³² − 1. */
  readonly position: number;
  /** CRC-32 of the logits after the last of them; undefined if nobody asked for it. */
  readonly lastReceipt: number | undefined;
  /** The token that was chosen from these logits and not fed yet. */
  readonly chosen: number | undefined;
  /** Tokens chosen so far: the index of the next draw of the sampler. At most `position`. */
  readonly nextDraw: number;
  /** L × H × int32, Q23. */
  readonly words: Int32Array;
}

/**
 * Largest magnitude of a word: docs/ARITHMETIC.md, section 6, proves it for every state that the arithmetic reaches.
 */
export const MAX_STATE_WORD = 32_768 * 32_767;

const MAX_U32 = 0xffff_ffff;

/** Tokens that a sequence has at most. */
export const MAX_POSITION = MAX_U32;

/** Words of the state of a model: one for each channel of each layer. */
export function stateWords({ layers, hiddenSize }: Pick<StateShape, 'layers' | 'hiddenSize'>): number {
  return layers * hiddenSize;
}

/** The state in which every sequence begins. */
export function zeroState(shape: StateShape): SequenceState {
  return {
    position: 0,
    lastReceipt: undefined,
    chosen: undefined,
    nextDraw: 0,
    words: new Int32Array(stateWords(shape)),
  };
}

/** What makes a state one that no machine can have reached, as a clause; undefined if nothing does. */
export function stateProblem(state: SequenceState, shape: StateShape): string | undefined {
  const { position, lastReceipt, chosen, nextDraw, words } = state;
  const isU32 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= MAX_U32;
  if (words.length !== stateWords(shape)) return `it has ${words.length} words, not ${stateWords(shape)}`;
  if (!isU32(position)) return `its position is ${position}`;
  if (lastReceipt !== undefined && !isU32(lastReceipt)) return `its receipt is ${lastReceipt}`;
  if (!isU32(nextDraw) || nextDraw > position) return `its next draw is ${nextDraw}, after ${position} tokens`;
  if (chosen !== undefined && !(isU32(chosen) && chosen < shape.vocabSize)) {
    return `its token ${chosen} is not below ${shape.vocabSize}`;
  }
  if (chosen !== undefined && nextDraw === 0) return 'it has a chosen token, and none was drawn';
  if (position === 0 && (lastReceipt !== undefined || words.some((word) => word !== 0))) {
    return 'something is in it before the first token';
  }
  for (let index = 0; index < words.length; index++) {
    if (Math.abs(words[index]!) > MAX_STATE_WORD) {
      return `its word ${index} is ${words[index]}, beyond ±${MAX_STATE_WORD}`;
    }
  }
  return undefined;
}
