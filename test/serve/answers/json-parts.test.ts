/** Long answers, written part by part. */
import { describe, expect, it, test, vi } from 'vitest';
import { jsonBody } from '../../../serve/answers/json-body.js';
import { inParts, jsonPieces, LateList, PART_LENGTH } from '../../../serve/answers/json-parts.js';

const late = (...items: unknown[]): LateList<unknown> => new LateList(() => items);
const written = (value: unknown): string => [...jsonPieces(value)].join('');

describe('a value', () => {
  test.each([
    ['numbers', [0, -1.5, 1e300, NaN, Infinity]],
    ['words', [true, false, null, undefined]],
    ['text', ['', '"\\\n\u0000', '\u{1F600}', '\ud800']],
    ['objects', { a: { b: [], c: {} }, d: undefined, '"': [{ e: 1 }, [2]] }],
    ['late lists', { a: late(), b: [late(1)], c: late('x', [2], { d: null }) }],
  ])('is written as by JSON.stringify: %s', (_, value) => {
    expect(written(value)).toBe(JSON.stringify(value));
  });

  it('with a long text is the same again, wherever it is cut', () => {
    const text = `x${'\u{1F600}"'.repeat(PART_LENGTH)}`;
    expect(JSON.parse(written({ text }))).toEqual({ text });
  });
});

/** Counts the items that were made of it. */
function counted(length: number): { list: LateList<string>; made: () => number } {
  let made = 0;
  const list = new LateList(function* () {
    for (; made < length; made++) yield 'item';
  });
  return { list, made: () => made };
}

describe('a long list', () => {
  it('is made part by part', async () => {
    const { list, made } = counted(100_000);
    const lengths: number[] = [];
    for await (const part of inParts(jsonPieces({ list }))) {
      lengths.push(part.length);
      expect(made()).toBeLessThan(lengths.length * (PART_LENGTH / '"item",'.length + 2));
    }
    expect(Math.max(...lengths)).toBeLessThan(PART_LENGTH + 100);
    expect(lengths.length).toBeGreaterThan(10);
  });

  it('is sent as it is read, and whoever leaves leaves the rest unmade', async () => {
    const { list, made } = counted(100_000);
    const onEnd = vi.fn<() => void>();
    const reader = ((await jsonBody({ list }, onEnd)) as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    expect(made()).toBeLessThan(20_000);
    expect(onEnd).not.toHaveBeenCalled();
    await reader.cancel();
    expect(onEnd).toHaveBeenCalledOnce();
  });

  it('comes whole', async () => {
    const { list } = counted(100_000);
    const onEnd = vi.fn<() => void>();
    expect(await new Response(await jsonBody({ list }, onEnd)).json()).toEqual({ list: Array(100_000).fill('item') });
    expect(onEnd).toHaveBeenCalledOnce();
  });
});

it('an answer that fails in the middle is at its end', async () => {
  const list = new LateList(function* () {
    for (let item = 0; ; item++) yield item < 50_000 ? item : unreadable();
  });
  const onEnd = vi.fn<() => void>();
  await expect(new Response(await jsonBody({ list }, onEnd)).text()).rejects.toThrow('unreadable');
  expect(onEnd).toHaveBeenCalledOnce();
});

function unreadable(): never {
  throw new Error('unreadable');
}

it('a short answer is no stream', async () => {
  const onEnd = vi.fn<() => void>();
  expect(await jsonBody({ a: late(1) }, onEnd)).toBe('{"a":[1]}');
  expect(onEnd).toHaveBeenCalledOnce();
});
