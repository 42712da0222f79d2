/**
 * What steers the runs on the GPU: words of the buffer `control`, a block for each sequence. The host writes a block
 * when a run starts; the sampler counts in it.
 */

/** Words of a block. */
export const CONTROL_WORDS = 16;

/** Places of the words in a block. */
export const CONTROL = {
  /** The token that the next step feeds. */
  token: 0,
  /** Index of the next token to sample: the counter of the generator. */
  index: 1,
  /** Tokens still to be chosen. */
  remaining: 2,
  /** 1: the run has ended; steps leave state and results alone. */
  done: 3,
  topK: 4,
  invTemperature: 5,
  topP: 6,
  seedLow: 7,
  seedHigh: 8,
  /** Slot of the results that the next token goes to. */
  slot: 9,
} as const;

/** What a block says. */
export type ControlValues = Readonly<Record<keyof typeof CONTROL, number>>;

/** Blocks, one behind the other. */
export function controlWords(blocks: readonly ControlValues[]): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(blocks.length * CONTROL_WORDS);
  for (const [index, values] of blocks.entries()) {
    for (const [name, word] of Object.entries(CONTROL)) {
      words[index * CONTROL_WORDS + word] = values[name as keyof typeof CONTROL];
    }
  }
  return words;
}

/** Words that the sampler reports of one step: the token, its receipt, and whether the step counted. */
export const RESULT_WORDS = 3;
