/** What requests may say: one schema each, from which bodies are checked and the OpenAPI document is made. */
import { MAX_CANDIDATES, TEMPERATURE_RANGE, USUAL_SAMPLING } from '../protocol/sampling.js';
import { listOf } from './list-schema.js';
import * as z from './packages/schema.js';

/** Choices of one request at most. */
export const MAX_CHOICES = 128;
/** Log-probabilities beside each token at most, as OpenAI has it. */
const MAX_TOP = 20;
export const USUAL_MAX_TOKENS = 256;

/** As OpenAI has it. */
const MAX_STOPS = 4;
/** In UTF-16 units. */
const MAX_STOP_LENGTH = 1024;

const stopString = z.string().min(1).max(MAX_STOP_LENGTH);

const tokenId = z.int().min(0);
const someTokenIds = listOf(tokenId, { least: 1 });

export const seedText = z.string().regex(/^\d{1,20}$/, 'as text it has 1 to 20 digits, and nothing else');
export const receipt = z.string().regex(/^[0-9a-f]{8}$/);

const seed = z
  .union([z.int().min(0), seedText], { error: 'it is a whole number, 0 … 2^64 − 1, as text beyond 2^53' })
  .describe('0 … 2^64 − 1, as text beyond 2^53; random unless given. Choice i of n uses seed + i');

const streamOptions = z.object({ include_usage: z.boolean().nullish() });

/** What both kinds of completions take. */
const generation = {
  model: z.string().nullish().describe('a name of /v1/models; the first of them unless given'),
  max_tokens: z.int().min(0).nullish().describe(`${USUAL_MAX_TOKENS} unless given`),
  temperature: z.number().nullish().describe(`0, or ${TEMPERATURE_RANGE}; ${USUAL_SAMPLING.temperature} unless given`),
  top_p: z.number().nullish().describe(`above 0, at most 1; ${USUAL_SAMPLING.topP} unless given`),
  top_k: z
    .int()
    .nullish()
    .describe(`1 … ${MAX_CANDIDATES}; ${USUAL_SAMPLING.topK} unless given. Not in OpenAI's interface`),
  seed: seed.nullish(),
  n: z.int().min(1).max(MAX_CHOICES).nullish(),
  stop: z
    .union([stopString, listOf(stopString, { most: MAX_STOPS })], {
      error: `it is text, or a list of at most ${MAX_STOPS}, each of 1 to ${MAX_STOP_LENGTH} characters`,
    })
    .nullish()
    .describe(`at most ${MAX_STOPS} of at most ${MAX_STOP_LENGTH} characters`),
  stream: z.boolean().nullish(),
  stream_options: streamOptions.nullish(),
  conversation: z
    .string()
    .nullish()
    .describe('goes on with this one of /v1/conversations, whose settings hold where nothing is asked for'),
};

export const completionRequest = z.object({
  ...generation,
  prompt: z.union(
    [
      z.string(),
      someTokenIds,
      listOf(z.string(), { least: 1, most: MAX_CHOICES }),
      listOf(someTokenIds, { least: 1, most: MAX_CHOICES }),
    ],
    {
      error: `it is text, a list of token ids, or a list of at most ${MAX_CHOICES} texts or lists of token ids; no list is empty`,
    },
  ),
  echo: z.boolean().nullish(),
  logprobs: z.int().min(0).max(MAX_TOP).nullish(),
});
export type CompletionRequest = z.infer<typeof completionRequest>;

const textPart = z.object({ type: z.literal('text'), text: z.string() });

const chatMessage = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z.union([z.string(), listOf(textPart)], {
    error: 'it is text, or a list of {"type": "text", "text"}: these models see nothing else',
  }),
});

export const verifyRequest = z.object({
  model: generation.model,
  prompt: z
    .union([z.string(), someTokenIds], { error: 'it is text, or a list of token ids that is not empty' })
    .nullish()
    .describe('as it was asked; or messages'),
  messages: listOf(chatMessage, { least: 1 }).nullish().describe('as they were asked, in a chat'),
  tokens: someTokenIds.describe('as they were answered'),
  receipts: listOf(receipt).describe('one for each token'),
  seed: seed.nullish().describe('as it was answered; tokens are checked too if it is given, not only receipts'),
  index: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .nullish()
    .describe('as it was answered: of the first token, 0 unless given'),
  temperature: generation.temperature,
  top_p: generation.top_p,
  top_k: generation.top_k,
});
export type VerifyRequest = z.infer<typeof verifyRequest>;

export const flashRequest = z.object({
  model: generation.model,
  image: z.string().min(1).max(4096).describe('path of a weight image on the computer of the service'),
});

export const conversationRequest = z.object({ model: generation.model });

export const chatRequest = z.object({
  ...generation,
  messages: listOf(chatMessage, { least: 1 }),
  max_completion_tokens: z.int().min(0).nullish().describe('the newer name of max_tokens'),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(MAX_TOP).nullish(),
});
export const tokenizeRequest = z.object({
  model: generation.model,
  prompt: z.string().describe('text; the token that begins texts is not among its tokens'),
});

export const detokenizeRequest = z.object({ model: generation.model, tokens: listOf(tokenId) });

/** Bodies by name, as they are told to a thread. */
export const REQUESTS = {
  completion: completionRequest,
  chat: chatRequest,
  verify: verifyRequest,
  flash: flashRequest,
  conversation: conversationRequest,
  tokenize: tokenizeRequest,
  detokenize: detokenizeRequest,
} as const;
export type RequestName = keyof typeof REQUESTS;
export type RequestBody<Name extends RequestName> = z.infer<(typeof REQUESTS)[Name]>;
