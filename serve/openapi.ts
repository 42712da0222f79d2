/** The OpenAPI document (3.1), made of the schemas of requests and answers. */
import { VERSION } from '../protocol/version.js';
import * as answers from './answer-schemas.js';
import { record, string, toJSONSchema, unknown, type ZodType } from './packages/schema.js';
import {
  chatRequest,
  completionRequest,
  conversationRequest,
  detokenizeRequest,
  flashRequest,
  tokenizeRequest,
  verifyRequest,
} from './schemas.js';

/** What a request is for, and its body and its answer where these are JSON. */
interface Operation {
  readonly summary: string;
  readonly body?: ZodType;
  /** Of a body that is no JSON. */
  readonly bodyType?: string;
  readonly answer?: ZodType;
  /** Of a stream: what is behind `data: `, but for `[DONE]` and an error. */
  readonly event?: ZodType;
  /** Of an answer that is no JSON. */
  readonly type?: string;
  /** Whether something may be there then that was not: 201. */
  readonly creates?: boolean;
}

const STATE_TYPE = 'application/octet-stream';

/** Path → methods. */
export const PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/v1/completions': {
    post: {
      summary: 'Go on with texts',
      body: completionRequest,
      answer: answers.completion,
      event: answers.completionChunk,
    },
  },
  '/v1/chat/completions': {
    post: {
      summary: 'Answer a conversation',
      body: chatRequest,
      answer: answers.chatCompletion,
      event: answers.chatChunk,
    },
  },
  '/v1/models': { get: { summary: 'The models that are served', answer: answers.modelList } },
  '/v1/models/{id}': { get: { summary: 'One of them', answer: answers.model } },
  '/v1/conversations': { get: { summary: 'The conversations that are kept', answer: answers.conversationList } },
  '/v1/conversations/{id}': {
    get: { summary: 'One of them', answer: answers.conversation },
    put: {
      summary: 'Begin one, if it is not there',
      body: conversationRequest,
      answer: answers.conversation,
      creates: true,
    },
    delete: { summary: 'Forget one', answer: answers.deletedConversation },
  },
  '/v1/conversations/{id}/state': {
    get: { summary: 'The state file of one (docs/STATE.md)', type: STATE_TYPE },
    put: {
      summary: 'Bring one in by its state file',
      bodyType: STATE_TYPE,
      answer: answers.conversation,
      creates: true,
    },
  },
  '/v1/verify': {
    post: { summary: 'Whether a text is what the model says', body: verifyRequest, answer: answers.verification },
  },
  '/tokenize': { post: { summary: 'The tokens of a text', body: tokenizeRequest, answer: answers.tokens } },
  '/detokenize': { post: { summary: 'The text of tokens', body: detokenizeRequest, answer: answers.detokenized } },
  '/': { get: { summary: 'The page: talk, and see receipts computed again; open without a key', type: 'text/html' } },
  '/page/{file}': { get: { summary: 'What the page is made of; open without a key', type: '*/*' } },
  '/admin/flash': {
    post: {
      summary: 'Another image for the boards of a model, one after the other',
      body: flashRequest,
      answer: answers.rolledOut,
    },
  },
  '/health': { get: { summary: 'Whether the service runs; open without a key', answer: answers.health } },
  '/ready': { get: { summary: 'Whether it has machines; open without a key', answer: answers.readiness } },
  '/metrics': { get: { summary: 'Metrics for Prometheus', type: 'text/plain' } },
  '/props': { get: { summary: 'Defaults and bounds', answer: answers.properties } },
  '/slots': { get: { summary: 'Machines, and what they compute', answer: answers.slots } },
  '/openapi.json': { get: { summary: 'This document', answer: record(string(), unknown()) } },
};

let document: object | undefined;

/** Made once: schemas do not change. */
export function openApiDocument(): object {
  return (document ??= made());
}

function made(): object {
  return {
    openapi: '3.1.0',
    info: { title: 'mmfree', version: VERSION, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths: Object.fromEntries(
      Object.entries(PATHS).map(([path, methods]) => {
        const operations = Object.entries(methods).map(([method, operation]) => [method, described(path, operation)]);
        return [path, Object.fromEntries(operations) as object];
      }),
    ),
    components: {
      schemas: { Error: answerSchema(answers.failure) },
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ key: [] }, {}],
  };
}

function described(path: string, operation: Operation): object {
  const { summary } = operation;
  const content = bodyContent(operation);
  const parameters = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => {
    return { name, in: 'path', required: true, schema: { type: 'string' } };
  });
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(content && { requestBody: { required: true, content } }),
    responses: responses(operation),
  };
}

function bodyContent({ body, bodyType }: Operation): object | undefined {
  if (body === undefined) return bodyType === undefined ? undefined : { [bodyType]: {} };
  const { $schema: _, ...schema } = toJSONSchema(body, { io: 'input' });
  return { 'application/json': { schema } };
}

/** Later versions may have more in it. */
function answerSchema(schema: ZodType): object {
  const { $schema: _, ...answer } = toJSONSchema(schema, {
    override: ({ jsonSchema }) =>
      void (jsonSchema.additionalProperties === false && delete jsonSchema.additionalProperties),
  });
  return answer;
}

function responses({ answer, event, type, creates }: Operation): object {
  const content = {
    ...(answer && { 'application/json': { schema: answerSchema(answer) } }),
    ...(event && { 'text/event-stream': { schema: answerSchema(event) } }),
    ...(type !== undefined && { [type]: {} }),
  };
  const description = event === undefined ? 'The answer' : 'The answer; with stream, each event, and [DONE] at the end';
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  return {
    200: { description, content },
    ...(creates === true && { 201: { description: 'The answer: it was not there before', content } }),
    default: { description: 'A refusal: docs/SERVING.md lists the codes', content: error },
  };
}
