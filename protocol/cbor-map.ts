/**
 * CBOR maps with a strict schema: messages for people and programs rather than for state machines.
 *
 * Names are camelCase here and snake_case on the line. Missing keys, other types and other lengths are errors, and so
 * are unknown keys, unless the reader says that they may come from a later version.
 */

import { decodeCbor, encodeCbor } from './cbor.js';
import type { CborValue } from './cbor.js';
import { CborError } from './cbor-scan.js';
import { MAX_NAME_BYTES, UNPRINTABLE } from './image/manifest-fields.js';
import { utf8Length } from './utf8.js';

export interface Item<T> {
  /** Its type and range in words. */
  readonly text: string;
  readonly isOptional: boolean;
  /** From what is in a CBOR map. @throws MapProblem */
  parse(value: unknown, path: string, unknownKeys: UnknownKeys): T;
  /** To what goes into a CBOR map. @throws RangeError */
  form(value: T): CborValue;
}

/** What a reader makes of keys that the schema does not have, in the map and in maps inside it. */
export type UnknownKeys = 'refused' | 'ignored';

/** An item that may be absent. */
export interface Optional<T> extends Item<T> {
  readonly isOptional: true;
}

/** Items by name. */
export type MapSchema = Readonly<Record<string, Item<unknown>>>;

/** The value of a map with this schema. */
export type MapValue<S extends MapSchema> = {
  readonly [K in keyof S as S[K] extends Optional<unknown> ? never : K]: S[K] extends Item<infer T> ? T : never;
} & {
  readonly [K in keyof S as S[K] extends Optional<unknown> ? K : never]?: S[K] extends Item<infer T> ? T : never;
};

/** What was read, or what is wrong with it, as a clause. */
export type MapResult<T> = { readonly value: T } | { readonly problem: string };

class MapProblem extends Error {}

// Kinds of items

/** A number of 32 bits. */
export function unsigned(): Item<number> {
  return number('u32', 0, 0xffff_ffff);
}

/** A number that grows as long as a board runs. */
export function counter(): Item<number> {
  return number('u53', 0, Number.MAX_SAFE_INTEGER);
}

/** @param multiple of which the number is one */
export function within(min: number, max: number, multiple = 1): Item<number> {
  return number(`${min}..${max}${multiple === 1 ? '' : `/${multiple}`}`, min, max, multiple);
}

export function boolean(): Item<boolean> {
  return item('bool', (value) => typeof value === 'boolean');
}

/** 1 … 64 characters of printable ASCII. */
export function asciiText(): Item<string> {
  return item('ascii[1..64]', (value): value is string => typeof value === 'string' && /^[ -~]{1,64}$/.test(value));
}

/** 1 … 64 bytes of UTF-8 that leave a terminal as it is, like the name of an image. */
export function nameText(): Item<string> {
  return item(`name[1..${MAX_NAME_BYTES}]`, (value): value is string => {
    if (typeof value !== 'string' || value.length === 0) return false;
    return !UNPRINTABLE.test(value) && utf8Length(value) <= MAX_NAME_BYTES;
  });
}

export function oneOf<T extends string>(...choices: readonly T[]): Item<T> {
  return item(choices.join('|'), (value): value is T => choices.some((choice) => choice === value));
}

export function byteString(length: number): Item<Uint8Array> {
  return item(`bytes[${length}]`, (value): value is Uint8Array => {
    return value instanceof Uint8Array && value.length === length;
  });
}

/**
 * Names in ascending order of their characters, each once.
 *
 * @param pattern of one name, ASCII
 * @param most how many there may be
 */
export function names(text: string, pattern: RegExp, most: number): Item<readonly string[]> {
  return item(`${text}[0..${most}]`, (value): value is readonly string[] => {
    if (!Array.isArray(value) || value.length > most) return false;
    const list: readonly unknown[] = value;
    return list.every((name, index) => {
      const before = list[index - 1];
      const isName = typeof name === 'string' && pattern.test(name);
      return isName && (typeof before !== 'string' || before < name);
    });
  });
}

export function map<S extends MapSchema>(schema: S): Item<MapValue<S>> {
  return {
    text: mapText(schema),
    isOptional: false,
    parse: (value, path, unknownKeys) => parseMap(schema, value, path, unknownKeys),
    form: (value) => formMap(schema, value),
  };
}

export function optional<T>(inner: Item<T>): Optional<T> {
  return { ...inner, isOptional: true };
}

// Payloads

/** @throws RangeError if a value is not one that the schema allows */
export function encodeMap<S extends MapSchema>(schema: S, value: MapValue<S>): Uint8Array {
  return encodeCbor(formMap(schema, value));
}

/** Reads a payload; bytes in it are copies. */
export function decodeMap<S extends MapSchema>(
  schema: S,
  payload: Uint8Array,
  unknownKeys: UnknownKeys = 'refused',
): MapResult<MapValue<S>> {
  try {
    return { value: parseMap(schema, decodeCbor(payload), '', unknownKeys) };
  } catch (error) {
    if (error instanceof MapProblem || error instanceof CborError) return { problem: error.message };
    throw error;
  }
}

/** The schema in words; the same schema gives the same words. */
export function mapText(schema: MapSchema): string {
  const words = Object.entries(schema).map(([name, { text, isOptional }]) => {
    return `${snakeCase(name)}${isOptional ? '?' : ''}:${text}`;
  });
  return `{${words.join(' ')}}`;
}

// Helpers

function number(text: string, min: number, max: number, multiple = 1): Item<number> {
  return item(text, (value): value is number => {
    return typeof value === 'number' && value >= min && value <= max && value % multiple === 0;
  });
}

function item<T extends CborValue>(text: string, accepts: (value: unknown) => value is T): Item<T> {
  return {
    text,
    isOptional: false,
    parse(value, path) {
      if (!accepts(value)) throw new MapProblem(`${path} is not ${text}`);
      return value;
    },
    form(value) {
      if (!accepts(value)) throw new RangeError(`a value in a message is not ${text}`);
      return value;
    },
  };
}

function parseMap<S extends MapSchema>(schema: S, value: unknown, path: string, unknownKeys: UnknownKeys): MapValue<S> {
  const entries: ReadonlyMap<unknown, unknown> | undefined = value instanceof Map ? value : undefined;
  if (entries === undefined) throw new MapProblem(`${path === '' ? 'it' : path} is not a map`);
  const values: Record<string, unknown> = {};
  let known = 0;
  for (const [name, field] of Object.entries(schema)) {
    const key = snakeCase(name);
    const keyPath = path === '' ? key : `${path}.${key}`;
    if (entries.has(key)) {
      known++;
      values[name] = field.parse(entries.get(key), keyPath, unknownKeys);
    } else if (!field.isOptional) {
      throw new MapProblem(`${keyPath} is missing`);
    }
  }
  if (known < entries.size && unknownKeys === 'refused')
    throw new MapProblem(`${path === '' ? 'it' : path} has unknown keys`);
  return values as MapValue<S>;
}

function formMap<S extends MapSchema>(schema: S, value: MapValue<S>): { readonly [key: string]: CborValue } {
  const values: Readonly<Record<string, unknown>> = value;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, { isOptional }]) => !isOptional || values[name] !== undefined)
      .map(([name, field]) => [snakeCase(name), field.form(values[name])]),
  );
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
