/** From a text to the tokens that a model is fed. */

import { noTokenizer } from '../engine/engine-error.js';
import type { OpenedMachine } from '../engine/opened-machine.js';
import type { Machine } from '../model/machine/machine.js';
import { loadTokenizer, type Tokenizer } from '../model/text/tokenizer.js';

/** @throws EngineError `no-tokenizer`; TokenizerError */
export async function tokenizerOf({ machine, imageName, tokenizer, tokenizerJson }: OpenedMachine): Promise<Tokenizer> {
  if (tokenizer !== undefined) return await tokenizer;
  if (tokenizerJson.length === 0) throw noTokenizer(imageName);
  return await loadTokenizer(tokenizerJson, machine.facts.shape);
}

/** Those of a text that begins. */
export function promptTokens(machine: Machine, tokenizer: Tokenizer, text: string): number[] {
  return [machine.facts.shape.bosTokenId, ...tokenizer.encode(text)];
}
