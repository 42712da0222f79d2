/** Fields of OpenAI's interface that would change an answer, and are not computed here: refused, never ignored. */
import { unsupported } from '../api-error.js';

interface Unsupported {
  /** A sentence. */
  readonly why: string;
  /** Whether a value asks for nothing, as libraries send it that send everything. */
  readonly isNeutral: (value: unknown) => boolean;
}

const isEmpty = (value: unknown): boolean =>
  value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
const is =
  (...neutral: readonly unknown[]) =>
  (value: unknown): boolean =>
    neutral.includes(value);

const EXACT = 'The sampler is the one of docs/ARITHMETIC.md, the same on every machine.';
const NO_TOOLS = 'These models call no tools.';

const UNSUPPORTED: Readonly<Record<string, Unsupported>> = {
  frequency_penalty: { why: EXACT, isNeutral: is(0) },
  presence_penalty: { why: EXACT, isNeutral: is(0) },
  repetition_penalty: { why: EXACT, isNeutral: is(1) },
  min_p: { why: EXACT, isNeutral: is(0) },
  logit_bias: { why: EXACT, isNeutral: isEmpty },
  best_of: { why: 'Every choice is sent; ask for n of them.', isNeutral: is(1) },
  suffix: { why: 'These models only go on.', isNeutral: isEmpty },
  tools: { why: NO_TOOLS, isNeutral: isEmpty },
  tool_choice: { why: NO_TOOLS, isNeutral: is('none', 'auto') },
  functions: { why: NO_TOOLS, isNeutral: isEmpty },
  function_call: { why: NO_TOOLS, isNeutral: is('none', 'auto') },
  response_format: {
    why: 'Answers are text.',
    isNeutral: (value) => (value as { readonly type?: unknown }).type === 'text',
  },
};

/** @throws ApiError `unsupported_parameter` */
export function expectSupported(body: Readonly<Record<string, unknown>>): void {
  for (const [name, { why, isNeutral }] of Object.entries(UNSUPPORTED)) {
    const asked = body[name];
    if (asked !== undefined && asked !== null && !isNeutral(asked)) throw unsupported(name, why);
  }
}
