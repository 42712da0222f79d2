/**
 * What a run is where nothing is told: which shape, how large a step, how long. It follows from how fast a
 * device is and how much text there is; docs/TRAINING.md, section 8, has the runs that the constants come
 * from.
 */
import { parseConfig } from '../../checkpoint/read-config.js';
import { parameterLayout, weightsOf } from '../gpu/parameter-layout.js';
import { configJsonOf, SHAPE_NAMES, type ShapeName } from '../shapes.js';

/** What a choice depends on. */
export interface Circumstances {
  /** As a measurement says (gpu/measure-device.ts). */
  readonly weightTokensPerSecond: number;
  /** Bytes for weights, and as many again for rows. */
  readonly memoryBytes: number;
  /** Tokens of the text. */
  readonly textTokens: number;
  /** For which there is time. */
  readonly seconds: number;
  /** Tokens that are to be learned, if that is told. */
  readonly tokens?: number | undefined;
}

export interface Choice<Value> {
  readonly value: Value;
  /** For people: a clause. */
  readonly reason: string;
}

/** A weight that sees fewer tokens is wasted: with 60 M, 9M (6.7 a weight) was still better than 4M (12). */
const LEAST_A_WEIGHT = 7;
/** More are better spent on more weights (arXiv 2203.15556). */
const MOST_A_WEIGHT = 20;
/** What is read more often teaches little new (arXiv 2305.16264); the 404 M of 4M were 50 M, eight times. */
const ROUNDS = 8;
/** AdamW's moments and the warm-up need so many: the study's runs had 611. */
const STEPS = 600;
/** Tokens of a step, of which more are no better, and of which fewer leave a device idle. */
const [LEAST_A_STEP, MOST_A_STEP] = [256, 192 * 512];
const [SHORTEST_WINDOW, LONGEST_WINDOW] = [64, 512];
/** Windows that a step is divided into, if it can be. */
const WINDOWS = 4;
/** Bytes of a weight in training: parameter, gradient and two moments are four floats, its trit and halves the rest. */
const BYTES_A_WEIGHT = 20;

/** Where nothing else is told. */
export const USUAL_SECONDS = 600;

/** The largest shape whose weights see enough, or else the smallest. @param vocabulary tokens of its tokenizer */
export function chooseShape(vocabulary: number, circumstances: Circumstances): Choice<ShapeName> {
  let value: ShapeName = '100K';
  for (const larger of SHAPE_NAMES.slice(1)) {
    const short = shortage(weightsOfShape(larger, vocabulary), circumstances);
    if (short !== undefined) return { value, reason: `${larger} would ${short}` };
    value = larger;
  }
  return { value, reason: 'there is none larger' };
}

function weightsOfShape(shape: ShapeName, vocabulary: number): number {
  const json = configJsonOf(shape, { vocabulary, bosId: 0, eosId: 0 });
  return weightsOf(parameterLayout(parseConfig(new TextEncoder().encode(json), 'config.json')));
}

/** Why a shape is too large; undefined: it is not. */
function shortage(weights: number, circumstances: Circumstances): string | undefined {
  const { weightTokensPerSecond, memoryBytes, textTokens, seconds, tokens } = circumstances;
  const needed = LEAST_A_WEIGHT * weights;
  if (BYTES_A_WEIGHT * weights > memoryBytes) {
    return `take ${mebibytes(BYTES_A_WEIGHT * weights)} for its weights, of ${mebibytes(memoryBytes)}`;
  }
  if (needed > usefulTokens(textTokens)) {
    return `need ${grouped(needed)} tokens, and the text has ${grouped(textTokens)}, to be read ${ROUNDS} times`;
  }
  const possible = tokens ?? (seconds * weightTokensPerSecond) / weights;
  if (needed <= possible) return undefined;
  const time = tokens === undefined ? ` in ${timeOf(seconds)}` : '';
  return `need ${grouped(needed)} tokens, and learn ${grouped(possible)}${time}`;
}

/** A small text still takes steps. */
function usefulTokens(textTokens: number): number {
  return Math.max(ROUNDS * textTokens, STEPS * LEAST_A_STEP);
}

/** How long a run is to be: tokens, and what bounds them. @param tokensPerSecond of this model, measured */
export function chooseTokens(
  weights: number,
  { textTokens, seconds }: Pick<Circumstances, 'textTokens' | 'seconds'>,
  tokensPerSecond: number,
): Choice<number> {
  const bounds: readonly Choice<number>[] = [
    { value: seconds * tokensPerSecond, reason: `what ${timeOf(seconds)} are enough for` },
    { value: MOST_A_WEIGHT * weights, reason: `${MOST_A_WEIGHT} for each weight` },
    {
      value: usefulTokens(textTokens),
      reason: `the text ${(usefulTokens(textTokens) / textTokens).toFixed(0)} times`,
    },
  ];
  return bounds.reduce((least, bound) => (bound.value < least.value ? bound : least));
}

/** Tokens of a step in windows. @param told what of it is settled */
export function chooseWindows(
  tokens: number,
  textTokens: number,
  told: { readonly context?: number | undefined; readonly batch?: number | undefined } = {},
): { readonly context: Choice<number>; readonly batch: Choice<number> } {
  const step = Math.min(MOST_A_STEP, Math.max(LEAST_A_STEP, tokens / STEPS));
  const longest = Math.min(LONGEST_WINDOW, step / (told.batch ?? WINDOWS), textTokens / WINDOWS);
  const context = told.context ?? Math.max(SHORTEST_WINDOW, 2 ** Math.floor(Math.log2(longest)));
  const batch = told.batch ?? even(step / context);
  return {
    context: {
      value: context,
      reason: `a step of ${grouped(step)} tokens then has ${grouped(step / context)} windows`,
    },
    batch: { value: batch, reason: reasonOf(step) },
  };
}

function reasonOf(step: number): string {
  if (step === MOST_A_STEP) return `steps of more than ${grouped(step)} tokens teach no more`;
  if (step === LEAST_A_STEP) return `steps of fewer than ${grouped(step)} tokens leave the device idle`;
  return `there are to be about ${STEPS} steps`;
}

/** Down to a number that can be divided into micro-batches. */
function even(windows: number): number {
  const each = windows >= 64 ? 32 : windows >= 16 ? 8 : 1;
  return Math.max(1, each * Math.floor(windows / each));
}

function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

function timeOf(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} seconds` : `${Number((seconds / 60).toFixed(1))} minutes`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
