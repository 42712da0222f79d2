/** A few words of a model, by the float model: what it has learned, before anything is packed. */
import { setImmediate } from 'node:timers/promises';
import { openCheckpoint } from '../../checkpoint/checkpoint.js';
import { threefry } from '../../integer/threefry.js';
import { FloatModel } from '../../measure/float-model.js';
import type { Tokenizer } from '../../text/tokenizer.js';

const TEMPERATURE = 0.8;

/** Texts of at most `tokens` tokens each, from the beginning. @throws CheckpointError; the signal's reason */
export async function sampleTexts(
  folder: string,
  tokenizer: Tokenizer,
  { texts, tokens }: { readonly texts: number; readonly tokens: number },
  signal: AbortSignal,
): Promise<string[]> {
  const checkpoint = await openCheckpoint(folder);
  let model: FloatModel;
  try {
    model = await FloatModel.load(checkpoint);
  } finally {
    await checkpoint.close();
  }
  const samples: string[] = [];
  for (let seed = 0; seed < texts; seed++) samples.push(await sampleText(model, tokenizer, tokens, seed, signal));
  return samples;
}

/** @param seed other ones give other texts */
async function sampleText(
  model: FloatModel,
  tokenizer: Tokenizer,
  count: number,
  seed: number,
  signal: AbortSignal,
): Promise<string> {
  model.reset();
  const { bosTokenId, eosTokenId } = model.config;
  const stream = tokenizer.textStream();
  let text = '';
  let token = bosTokenId;
  for (let k = 0; k < count; k++) {
    model.step(token);
    token = drawn(model.logits, threefry(seed, 0, k, 0) / 2 ** 32);
    if (token === eosTokenId) break;
    text += stream.push(token);
    signal.throwIfAborted();
    await setImmediate();
  }
  return text + stream.flush();
}

/** @param place 0 ≤ place < 1, of the cumulative distribution */
function drawn(logits: Float64Array, place: number): number {
  const highest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const weights = logits.map((value) => Math.exp((value - highest) / TEMPERATURE));
  let rest = place * weights.reduce((sum, weight) => sum + weight, 0);
  for (let id = 0; id < weights.length; id++) {
    rest -= weights[id];
    if (rest < 0) return id;
  }
  return weights.length - 1;
}
