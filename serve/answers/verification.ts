/**
 * Whether a text is what the model says: its receipts and tokens, computed again on the processor, by one of two
 * independent implementations.
 */
import { invalidValue, tooManyTokens } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import type { VerifyRequest } from '../schemas.js';
import type { GenerationSettings } from './settings.js';
import { hexOfWord } from '../../protocol/hex.js';

/** Kinds of machines that verify. */
const VERIFIERS = ['cpu', 'reference'] as const;
/** Those who wait for an answer come first. */
const PRIORITY = -1;

/** The first place where what was told is not what is computed. */
interface Difference {
  /** Of the tokens that were told. */
  readonly position: number;
  readonly what: 'receipt' | 'token';
  readonly told: string | number;
  readonly computed: string | number;
}

interface Verification {
  readonly isEqual: boolean;
  /** Tokens that are as told. */
  readonly equal: number;
  readonly difference: Difference | undefined;
  readonly machine: string;
}

/**
 * @param prompt token ids, with the one that begins texts
 * @throws ApiError
 */
export async function verification(
  model: ServedModel,
  prompt: readonly number[],
  told: Pick<VerifyRequest, 'tokens' | 'receipts' | 'seed' | 'index'>,
  settings: GenerationSettings,
  limits: { readonly tokens: number; readonly promptTokens: number },
  owner: string,
  signal: AbortSignal,
): Promise<Verification> {
  const { tokens, receipts, seed, index } = told;
  if (receipts.length !== tokens.length) {
    throw invalidValue('receipts', `there are ${receipts.length} for ${tokens.length} tokens`);
  }
  if (tokens.length > limits.tokens) throw tooManyTokens('tokens', `there are ${tokens.length}`, limits.tokens);
  if (prompt.length > limits.promptTokens) {
    throw tooManyTokens('prompt', `the prompt has ${prompt.length} tokens`, limits.promptTokens);
  }
  const bad = [...prompt, ...tokens].find((id) => id >= model.shape.vocabSize);
  if (bad !== undefined) throw invalidValue('tokens', `token ${bad} is not below ${model.shape.vocabSize}`);
  const enough = new AbortController();
  const [job] = model.scheduler.submit([
    {
      prompt,
      maxTokens: tokens.length,
      sampler: settings.sampler(0),
      told: { tokens, draw: seed === undefined || seed === null ? undefined : (index ?? 0) },
      on: VERIFIERS,
      owner,
      priority: PRIORITY,
      signal: AbortSignal.any([signal, enough.signal]),
    },
  ]);
  let equal = 0;
  for (;;) {
    const given = await job!.take();
    for (const { id, receipt } of given) {
      const difference = differenceAt(equal, told, id, hexOfWord(receipt));
      if (difference !== undefined) {
        enough.abort();
        return { isEqual: false, equal, difference, machine: job!.machine };
      }
      equal++;
    }
    // Whoever asked has left if there are fewer.
    if (given.length === 0 || equal === tokens.length) {
      return { isEqual: equal === tokens.length, equal, difference: undefined, machine: job!.machine };
    }
  }
}

function differenceAt(
  position: number,
  { tokens, receipts }: Pick<VerifyRequest, 'tokens' | 'receipts'>,
  id: number,
  receipt: string,
): Difference | undefined {
  const [toldReceipt, toldToken] = [receipts[position]!, tokens[position]!];
  if (toldReceipt !== receipt) return { position, what: 'receipt', told: toldReceipt, computed: receipt };
  return toldToken === id ? undefined : { position, what: 'token', told: toldToken, computed: id };
}
