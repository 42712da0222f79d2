/** The OpenAPI document (3.1), made of the schemas by which requests are checked. */
import { VERSION } from '../protocol/version.js';
import { toJSONSchema, type ZodType } from './packages/schema.js';
import {
  chatRequest,
  completionRequest,
  conversationRequest,
  detokenizeRequest,
  flashRequest,
  tokenizeRequest,
  verifyRequest,
} from './schemas.js';

const ERROR = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'] },
        code: { type: 'string' },
      },
      required: ['message', 'type', 'param', 'code'],
    },
  },
  required: ['error'],
};

/** What a request is for, and its body where that is JSON. */
type Operation = readonly [string, ZodType?];

/** Path → methods. */
const PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/v1/completions': { post: ['Go on with texts', completionRequest] },
  '/v1/chat/completions': { post: ['Answer a conversation', chatRequest] },
  '/v1/models': { get: ['The models that are served'] },
  '/v1/models/{id}': { get: ['One of them'] },
  '/v1/conversations': { get: ['The conversations that are kept'] },
  '/v1/conversations/{id}': {
    get: ['One of them'],
    put: ['Begin one, if it is not there', conversationRequest],
    delete: ['Forget one'],
  },
  '/v1/conversations/{id}/state': {
    get: ['The state file of one (docs/STATE.md)'],
    put: ['Bring one in by its state file'],
  },
  '/v1/verify': { post: ['Whether a text is what the model says', verifyRequest] },
  '/tokenize': { post: ['The tokens of a text', tokenizeRequest] },
  '/detokenize': { post: ['The text of tokens', detokenizeRequest] },
  '/': { get: ['The page: talk, and see receipts computed again; open without a key'] },
  '/page/{file}': { get: ['What the page is made of; open without a key'] },
  '/admin/flash': { post: ['Another image for the boards of a model, one after the other', flashRequest] },
  '/health': { get: ['Whether the service runs; open without a key'] },
  '/ready': { get: ['Whether it has machines; open without a key'] },
  '/metrics': { get: ['Metrics for Prometheus'] },
  '/props': { get: ['Defaults and bounds'] },
  '/slots': { get: ['Machines, and what they compute'] },
  '/openapi.json': { get: ['This document'] },
};

export function openApiDocument(): object {
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
      schemas: { Error: ERROR },
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ key: [] }, {}],
  };
}

function described(path: string, [summary, schema]: Operation): object {
  const parameters = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => {
    return { name, in: 'path', required: true, schema: { type: 'string' } };
  });
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(schema && { requestBody: { required: true, content: { 'application/json': { schema: bodyOf(schema) } } } }),
    responses: responses(),
  };
}

function bodyOf(schema: ZodType): object {
  const { $schema: _, ...body } = toJSONSchema(schema, { io: 'input' });
  return body;
}

function responses(): object {
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  return {
    200: { description: 'The answer' },
    default: { description: 'A refusal: docs/SERVING.md lists the codes', content: error },
  };
}
