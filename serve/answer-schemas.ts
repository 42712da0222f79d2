/**
 * What answers have: one schema each, from which the OpenAPI document is made. Tests check every answer against them;
 * they are strict, while the document says nothing of fields that later versions may add.
 */
import * as z from './packages/schema.js';
import { receipt, seedText } from './schemas.js';

const count = z.int().min(0);
const text = z.string();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const seconds = count.describe('seconds since 1970');

const proof = z.strictObject({
  seed: seedText,
  index: count.describe('of the first of the tokens in the text'),
  tokens: z.array(count),
  receipts: z.array(receipt).describe('one for each token: CRC-32 of the logits that it was chosen from'),
  machine: text.describe('that computed the last of them'),
  conversation: z.strictObject({ id: text, position: count }).optional(),
});

const usage = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.strictObject({ cached_tokens: count }),
});

const finishReason = z.enum(['stop', 'length']);

const head = {
  id: text,
  created: seconds,
  model: text,
  system_fingerprint: sha256.describe('SHA-256 of the image'),
};

const completionLogprobs = z.strictObject({
  tokens: z.array(text),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(text, z.number()).nullable()),
  text_offset: z.array(count),
});

const completionPart = { index: count, text, logprobs: completionLogprobs.nullable() };

export const completion = z.strictObject({
  ...head,
  object: z.literal('text_completion'),
  choices: z.array(z.strictObject({ ...completionPart, finish_reason: finishReason, mmfree: proof })),
  usage,
  mmfree: proof,
});

/** Of a stream. */
const chunkEnd = { usage: usage.nullable().optional(), mmfree: proof };

export const completionChunk = z.strictObject({
  ...head,
  object: z.literal('text_completion'),
  choices: z.array(z.strictObject({ ...completionPart, finish_reason: finishReason.nullable() })),
  ...chunkEnd,
});

const entry = { token: text, logprob: z.number(), bytes: z.array(z.int().min(0).max(255)) };

const chatLogprobs = z.strictObject({
  content: z.array(z.strictObject({ ...entry, top_logprobs: z.array(z.strictObject(entry)) })),
  refusal: z.null(),
});

const chatPart = { index: count, logprobs: chatLogprobs.nullable() };
const assistant = z.literal('assistant');

export const chatCompletion = z.strictObject({
  ...head,
  object: z.literal('chat.completion'),
  choices: z.array(
    z.strictObject({
      ...chatPart,
      finish_reason: finishReason,
      message: z.strictObject({ role: assistant, content: text, refusal: z.null() }),
      mmfree: proof,
    }),
  ),
  usage,
  mmfree: proof,
});

export const chatChunk = z.strictObject({
  ...head,
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.strictObject({
      ...chatPart,
      finish_reason: finishReason.nullable(),
      delta: z.strictObject({ role: assistant.optional(), content: text }),
    }),
  ),
  ...chunkEnd,
});

export const model = z.strictObject({
  id: text,
  object: z.literal('model'),
  created: seconds,
  owned_by: text,
  mmfree: z.strictObject({
    image_sha256: sha256,
    vocab_size: count,
    hidden_size: count,
    layers: count,
    has_tokenizer: z.boolean(),
  }),
});

const list = z.literal('list');
export const modelList = z.strictObject({ object: list, data: z.array(model) });

const listedConversation = { id: text, object: z.literal('conversation'), bytes: count, changed: seconds };

export const conversationList = z.strictObject({
  object: list,
  data: z.array(z.strictObject(listedConversation)),
});

export const conversation = z.strictObject({
  ...listedConversation,
  image_sha256: sha256,
  position: count,
  next_draw: count,
  chosen_token: count.nullable(),
  last_receipt: receipt.nullable(),
  lists_tokens: z.boolean(),
  doubtful: z.boolean().describe('whether a machine had part in it that computes something wrong'),
});

export const deletedConversation = z.strictObject({
  id: text,
  object: z.literal('conversation.deleted'),
  deleted: z.literal(true),
});

const toldOrComputed = z.union([text, count]);

export const verification = z.strictObject({
  object: z.literal('verification'),
  model: text,
  system_fingerprint: sha256,
  equal: z.boolean(),
  equal_tokens: count,
  choices_checked: z.boolean(),
  first_difference: z
    .strictObject({
      position: count,
      what: z.enum(['receipt', 'token']),
      told: toldOrComputed,
      computed: toldOrComputed,
    })
    .nullable(),
  machine: text,
});

export const tokens = z.strictObject({ tokens: z.array(count), count });
export const detokenized = z.strictObject({ prompt: text });
export const rolledOut = z.strictObject({ object: z.literal('roll_out'), boards: z.array(text) });

const distrusted = z.array(text).describe('machines that are out of service because they compute something wrong');
export const health = z.strictObject({ status: z.literal('ok'), distrusted });
export const readiness = z.strictObject({ status: z.literal('ready') });

export const properties = z.strictObject({
  version: text,
  models: z.array(z.strictObject({ id: text, image_sha256: sha256 })),
  defaults: z.strictObject({
    max_tokens: count,
    temperature: z.number(),
    top_k: count,
    top_p: z.number(),
    seed: z.literal('random'),
    n: count,
  }),
  limits: z.strictObject({
    body_bytes: count,
    max_tokens: count,
    prompt_tokens: count,
    queue: count,
    per_key: count,
    log_probabilities_per_key: count,
    token_seconds: z.number(),
  }),
});

const running = z.strictObject({
  key: text,
  priority: z.int(),
  prompt_tokens: count,
  tokens: count,
  max_tokens: count,
});

export const slots = z.array(
  z.strictObject({
    model: text,
    waiting: count,
    machines: z.array(z.strictObject({ name: text, kind: text, seats: count, running: z.array(running) })),
    distrusted,
  }),
);

export const failure = z.strictObject({
  error: z.strictObject({ message: text, type: text, param: text.nullable(), code: text }),
});
