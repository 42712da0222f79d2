/**
 * Text of the command line → values. Each parser says what it expects, with an example, when it gets something else.
 */

import { badValue } from './usage-error.js';

/**
 * Turns the text of an option or argument into its value.
 *
 * @param name as the user writes it, for the error
 * @throws UsageError
 */
export interface Parser<Value> {
  (text: string, name: string): Value;
  /** All texts that it takes, where they are few. */
  readonly choices?: readonly string[];
  /** Whether it takes paths. */
  readonly isPath?: boolean;
}

/** Bounds, both inclusive, and a value to show. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly example: number;
}

const WHOLE_NUMBER = /^[+-]?\d+$/;
const DECIMAL_NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;
const SEED = /^(?:\d+|0[xX][0-9a-fA-F]+)$/;

export function integer({ min, max, example }: NumberRange): Parser<number> {
  return (text, name) => {
    const value = WHOLE_NUMBER.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw badValue(name, text, `a whole number from ${grouped(min)} to ${grouped(max)}`, String(example));
  };
}

/** Whole numbers with commas between them, each once. */
export function integers({
  min,
  max,
  example,
}: Omit<NumberRange, 'example'> & { readonly example: string }): Parser<readonly number[]> {
  return (text, name) => {
    const values = text.split(',').map((part) => (WHOLE_NUMBER.test(part) ? Number(part) : NaN));
    if (values.every((value) => value >= min && value <= max)) return [...new Set(values)];
    throw badValue(name, text, `whole numbers from ${grouped(min)} to ${grouped(max)}, with commas between`, example);
  };
}

export function decimal({ min, max, example }: NumberRange): Parser<number> {
  return (text, name) => {
    const value = DECIMAL_NUMBER.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw badValue(
      name,
      text,
      `a number from ${grouped(min)} to ${grouped(max)}, with a decimal point`,
      String(example),
    );
  };
}

/** A seed: 0 … 2⁶⁴ − 1, decimal or hexadecimal. */
export const seed: Parser<bigint> = (text, name) => {
  // BigInt takes time that grows with the square of the digits; 2⁶⁴ has 20.
  const value = SEED.test(text) && text.length <= 40 ? BigInt(text) : -1n;
  if (value >= 0n && value < 1n << 64n) return value;
  throw badValue(name, text, 'a whole number from 0 to 2^64 - 1, decimal or hexadecimal', '42');
};

/** As {@link seed}, or `random` for one that is chosen anew. */
export const seedOrRandom: Parser<bigint | 'random'> = (text, name) => {
  return text === 'random' ? text : seed(text, name);
};

export function oneOf<const Choice extends string>(choices: readonly Choice[]): Parser<Choice> {
  const parse: Parser<Choice> = (text, name) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice !== undefined) return choice;
    throw badValue(name, text, `one of ${choices.join(', ')}`, choices[0] ?? '');
  };
  return Object.assign(parse, { choices });
}

/** Text of at least one character: an empty one mostly comes from an empty variable in a script. */
export const text: Parser<string> = (value, name) => {
  if (value !== '') return value;
  throw badValue(name, value, 'at least one character long', '"some text"');
};

/** Any text, also an empty one. */
export const anyText: Parser<string> = (value) => value;

/** The path of a file or folder. */
export const path: Parser<string> = Object.assign(
  (value: string, name: string): string => {
    if (value !== '' && !value.includes('\0')) return value;
    throw badValue(name, value, 'the path of a file or folder', './file');
  },
  { isPath: true },
);

function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 20 });
}
