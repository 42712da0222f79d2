/** What a model must fit of a tokenizer that is not read yet: how many ids it has, and which begin and end a text. */
import { isJsonObject, parseJsonObject } from '../../json-object.js';

export interface TokenizerFacts {
  readonly vocabulary: number;
  readonly bosId: number;
  readonly eosId: number;
}

/** Names of published tokenizers, the first one that is there. */
const BEGINNINGS = ['<|endoftext|>', '<s>', '<|begin_of_text|>'];
const ENDS = ['<|endoftext|>', '</s>', '<|end_of_text|>'];

/** Of `tokenizer.json`, untrusted. What is not found is 0, and reading the tokenizer says what is wrong. */
export function tokenizerFacts(json: Uint8Array): TokenizerFacts {
  const idOf = new Map<string, number>();
  const note = (token: unknown, id: unknown): void => {
    if (typeof token === 'string' && typeof id === 'number') idOf.set(token, id);
  };
  const file = parsed(json);
  const model = file['model'];
  const vocab = isJsonObject(model) && isJsonObject(model['vocab']) ? model['vocab'] : {};
  for (const [token, id] of Object.entries(vocab)) note(token, id);
  const added = file['added_tokens'];
  for (const token of Array.isArray(added) ? added : []) if (isJsonObject(token)) note(token['content'], token['id']);
  const first = (names: readonly string[]): number => idOf.get(names.find((name) => idOf.has(name)) ?? '') ?? 0;
  const highest = [...idOf.values()].reduce((most, id) => Math.max(most, id), 0);
  return { vocabulary: highest + 1, bosId: first(BEGINNINGS), eosId: first(ENDS) };
}

function parsed(json: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return parseJsonObject(json);
  } catch {
    return {};
  }
}
