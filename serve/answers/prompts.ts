/**
 * Prompts before anything is computed of them: what can be refused is, and what they say is read, by a thread, as it
 * may be long.
 */
import { MAX_POSITION } from '../../protocol/state/sequence-state.js';
import { invalidValue, tooManyTokens } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import { MAX_CHOICES } from '../schemas.js';
import type { Reading } from '../text/texts.js';
import type { Prompt, ReadPrompt } from './answer-text.js';
import type { GenerationSettings } from './settings.js';

/** What is to come of prompts. */
interface Asked {
  readonly settings: GenerationSettings;
  /** Tokens of the text that they go on with. */
  readonly position: number;
}

/** @throws ApiError `invalid_value`, `too_many_tokens`; TextProblem */
export async function readPrompts(
  model: ServedModel,
  prompts: readonly Prompt[],
  { settings: { choices, maxTokens }, position }: Asked,
  reading: Required<Reading>,
): Promise<ReadPrompt[]> {
  if (prompts.length * choices > MAX_CHOICES) {
    throw invalidValue('n', `${prompts.length * choices} choices are more than ${MAX_CHOICES}`);
  }
  for (const { ids } of prompts) {
    // One more was chosen and not fed.
    if (position + 1 + ids.length + maxTokens > MAX_POSITION) {
      throw tooManyTokens('conversation', `it has ${position} tokens already`, MAX_POSITION);
    }
    if (ids.length > reading.most) throw tooManyTokens('prompt', `the prompt has ${ids.length} tokens`, reading.most);
    const bad = ids.find((id) => id >= model.shape.vocabSize);
    if (bad !== undefined) throw invalidValue('prompt', `token ${bad} is not below ${model.shape.vocabSize}`);
  }
  return await Promise.all(
    prompts.map(async (prompt) => {
      const { ids, before } = prompt;
      return { ...prompt, told: ids.length === 0 ? undefined : await model.texts?.tell(ids, before, reading) };
    }),
  );
}
