/** What `mmfree train` is told, and what it takes where nothing is told. */
import type { ModelConfig } from '../../../model/config.js';
import type { Recipe } from '../../../model/train/run/recipe.js';
import type { ShapeName } from '../../../model/train/shapes.js';
import { missingArgument, missingOption, UsageError } from '../../usage-error.js';

/** What a new run is made of; a run that goes on has it already. */
export interface NewRun {
  readonly shape: ShapeName | undefined;
  readonly config: string | undefined;
  readonly tokenizer: string | undefined;
  readonly vocab: number | undefined;
  readonly from: string | undefined;
  readonly context: number | undefined;
  readonly batch: number | undefined;
  readonly steps: number | undefined;
  readonly tokens: number | undefined;
  readonly minutes: number | undefined;
  readonly rate: number | undefined;
  readonly warmUp: number | undefined;
  readonly decay: number | undefined;
  readonly clip: number | undefined;
  readonly seed: bigint | undefined;
}

export interface TrainInput extends NewRun {
  readonly texts: readonly string[];
  readonly output: string;
  readonly heldOut: string | undefined;
  readonly resume: boolean;
  readonly saveEvery: number;
  readonly half: boolean;
}

/** What is written on the command line. */
export interface GivenRun extends Omit<TrainInput, 'output'> {
  readonly output: string | undefined;
  /** Says what a run would take, and runs none. */
  readonly plan: ShapeName | undefined;
}

/** Tokens of a tokenizer that is made. */
export const VOCABULARY = 4096;
/** Of a hidden size of 192, and of narrower ones; wider ones take less. */
const RATE = 8e-3;
const RATE_WIDTH = 192;

/** @throws UsageError for what is missing, and options that say the same thing twice, or something that is settled */
export function checkTogether(input: GivenRun): TrainInput {
  const { texts, output } = input;
  if (texts.length === 0) throw missingArgument('<text...>');
  if (output === undefined) throw missingOption('-o, --output <folder>');
  const given = (names: readonly (keyof NewRun)[]): string[] =>
    names.filter((name) => input[name] !== undefined).map(optionName);
  const all = [
    'shape',
    'config',
    'tokenizer',
    'vocab',
    'from',
    'context',
    'batch',
    'steps',
    'tokens',
    'minutes',
    'rate',
    'warmUp',
    'decay',
    'clip',
    'seed',
  ] as const;
  const settled = input.resume ? given(all) : [];
  if (settled.length > 0) throw together(['--resume', ...settled], 'A run goes on as it began.');
  for (const group of [
    ['from', 'shape', 'config'],
    ['from', 'tokenizer', 'vocab'],
    ['steps', 'tokens', 'minutes'],
  ] as const) {
    if (given(group).length > 1) throw together(given(group), 'Each of them settles the same thing.');
  }
  return { ...input, output };
}

/** What a plan is made of, and what is always there. */
const OF_PLANS: ReadonlySet<string> = new Set(['plan', 'tokens', 'context', 'batch', 'vocab', 'saveEvery']);

/** @throws UsageError for options that a plan does not depend on */
export function checkPlan(input: GivenRun): void {
  const isGiven = (value: unknown): boolean =>
    Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
  const others = Object.entries(input).filter(([name, value]) => !OF_PLANS.has(name) && isGiven(value));
  if (others.length === 0) return;
  const names = ['--plan', ...others.map(([name]) => optionName(name))];
  throw together(names, 'A plan is made of shape, tokens, windows and vocabulary.');
}

function optionName(key: string): string {
  return key === 'texts' ? 'text' : `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function together(names: readonly string[], reason: string): UsageError {
  return new UsageError('conflicting-options', `${names.join(' and ')} exclude each other`, {
    reason,
    fix: `Leave out ${names.slice(1).join(', ')}.`,
  });
}

/** @param sizes what is told or chosen of a step and of how many there are */
export function recipeOf(
  input: NewRun,
  { hiddenSize }: ModelConfig,
  { context, batch, microBatch, steps }: Pick<Recipe, 'context' | 'batch' | 'microBatch' | 'steps'>,
): Recipe {
  const { decay = 0.02, clip = 1, seed = 1n, rate = RATE * Math.min(1, Math.sqrt(RATE_WIDTH / hiddenSize)) } = input;
  const warmUp = input.warmUp ?? Math.min(200, Math.ceil(steps / 10));
  return { context, batch, microBatch, steps, rate, warmUp, decay, clip, seed: String(seed) };
}
