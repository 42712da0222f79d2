/** `run.json`: what a run goes on with beside its state. Somebody may have changed it. */
import { join } from 'node:path';
import { readRegular } from '../../files/input-file.js';
import { isJsonObject, parseJsonObject } from '../../json-object.js';
import { cannotResume } from '../train-error.js';
import type { Recipe } from './recipe.js';

export const RUN_FILE = 'run.json';
const MAX_BYTES = 1 << 20;

export interface KeptRecipe {
  readonly recipe: Recipe;
  /** Of the tokens of the text. */
  readonly hash: unknown;
  /** Products that went through matrix units. */
  readonly wanted: readonly string[];
}

/** @throws TrainError `train-cannot-resume` if there is no run */
export async function readKeptRecipe(folder: string): Promise<KeptRecipe> {
  let value: Readonly<Record<string, unknown>>;
  try {
    value = parseJsonObject(await readRegular(join(folder, RUN_FILE), { limitBytes: MAX_BYTES }));
  } catch {
    throw cannotResume(folder, `there is no ${RUN_FILE} that can be read`);
  }
  const { recipe, on_matrix_units: units, tokens_sha256: hash } = value;
  if (!isRecipe(recipe)) throw cannotResume(folder, `${RUN_FILE} holds something else`);
  const wanted = Array.isArray(units) ? units.filter((key) => typeof key === 'string') : [];
  return { recipe, hash, wanted };
}

const COUNTS = ['context', 'batch', 'microBatch', 'steps'] as const;
const NUMBERS = ['rate', 'warmUp', 'decay', 'clip'] as const;

function isRecipe(value: unknown): value is Recipe {
  if (!isJsonObject(value)) return false;
  const isCount = (name: string): boolean =>
    Number.isInteger(value[name]) && Number(value[name]) >= 1 && Number(value[name]) <= 1e9;
  const { seed, batch, microBatch } = value;
  return (
    COUNTS.every(isCount) &&
    NUMBERS.every((name) => Number.isFinite(value[name])) &&
    typeof seed === 'string' &&
    /^\d{1,20}$/.test(seed) &&
    Number(batch) % Number(microBatch) === 0
  );
}
