import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMachine, openText, type OpenedMachine, type TextPiece } from '../../library/mmfree.js';
import { decodeState } from '../../protocol/state/state-file.js';
import type { Machine } from '../../model/machine/machine.js';
import { gathered } from '../helpers/machines.js';

const PROMPT = 'The old king';
const SETTINGS = { maxTokens: 12, seed: 7n };

let opened: OpenedMachine;
let whole: TextPiece[];
/** Behind it. */
let savedBytes: Uint8Array;
beforeAll(async () => {
  opened = await openMachine({ kind: 'reference' });
  const text = await openText(opened);
  whole = await gathered(text.generate(PROMPT, SETTINGS));
  savedBytes = await text.save();
});
afterAll(() => opened?.machine.close());

const textOf = (pieces: readonly TextPiece[]): string => pieces.map(({ text }) => text).join('');
const tokensOf = (pieces: readonly TextPiece[]): string[] => pieces.map(({ id, receipt }) => `${id}:${receipt}`);

describe('a text', () => {
  it('comes in pieces, of which the last one says why it ends', () => {
    expect(whole).toHaveLength(12);
    expect(whole.map(({ end }) => end).filter((end) => end !== undefined)).toEqual(['max-tokens']);
    expect(textOf(whole)).toMatch(/^ \w+/);
  });

  it('ends before a stop string, and goes on behind it', async () => {
    const stop = textOf(whole).slice(12, 16);
    const text = await openText(opened);
    const pieces = await gathered(text.generate(PROMPT, { ...SETTINGS, stop: [stop] }));
    expect(textOf(pieces)).toBe(textOf(whole).slice(0, textOf(whole).indexOf(stop)));
    expect(pieces.at(-1)?.end).toBe('stop');
    const rest = await gathered(text.generate('', { maxTokens: 12 - pieces.length }));
    expect(tokensOf([...pieces, ...rest])).toEqual(tokensOf(whole));
  });

  it.each([1, 6, 11])('goes on as if nothing had been when it is left, saved and opened at token %i', async (at) => {
    const text = await openText(opened);
    const before: TextPiece[] = [];
    for await (const piece of text.generate(PROMPT, SETTINGS)) {
      before.push(piece);
      if (before.length === at) break;
    }
    const moved = await openText(opened, await text.save());
    const after = await gathered(moved.generate('', { maxTokens: 12 - at }));
    expect(tokensOf([...before, ...after])).toEqual(tokensOf(whole));
    expect(textOf([...before, ...after])).toBe(textOf(whole));
    expect(await moved.save()).toEqual(savedBytes);
  });

  it('takes another prompt in the middle, without the token that begins texts', async () => {
    const text = await openText(opened);
    await gathered(text.generate(PROMPT, { maxTokens: 3 }));
    await gathered(text.generate(' and', { maxTokens: 2 }));
    const prompts = [PROMPT, ' and'].map((prompt) => text.tokenizer.encode(prompt).length);
    const { state } = decodeState(await text.save());
    expect(state).toMatchObject({ position: 1 + prompts[0]! + 3 + prompts[1]! + 1, nextDraw: 5 });
  });

  it('gives a prompt in the middle no space in front, as at a beginning', async () => {
    const told: unknown[] = [];
    const { tokenizer } = await openText(opened);
    const encode = (text: string, goesOn?: boolean): number[] => {
      told.push([text, goesOn ?? false]);
      return tokenizer.encode(text, goesOn);
    };
    const text = await openText({ ...opened, tokenizer: Promise.resolve({ ...tokenizer, encode }) });
    await gathered(text.generate(PROMPT, { maxTokens: 1 }));
    await gathered(text.generate('and', { maxTokens: 1 }));
    expect(told).toEqual([
      [PROMPT, false],
      ['and', true],
    ]);
  });

  it.each([1, 3])('is what was fed when it is aborted behind %i tokens of its prompt', async (at) => {
    const ending = new AbortController();
    const text = await openText({ ...opened, machine: abortedAt(at, ending) });
    expect(await gathered(text.generate(PROMPT, { ...SETTINGS, signal: ending.signal }))).toEqual([]);
    const { state, held } = decodeState(await text.save());
    expect(state.position).toBe(at);
    // The first token begins texts and prints nothing.
    expect(held?.hasBegun).toBe(at > 1);
  });

  it.each([
    ['damaged', (bytes: Uint8Array): unknown => (bytes[bytes.length - 1]! ^= 1), 'state-damaged'],
    ['none', (bytes: Uint8Array): unknown => (bytes[0]! ^= 1), 'not-a-state'],
  ])('is not opened from a state that is %s', async (_, change, code) => {
    const bytes = savedBytes.slice();
    change(bytes);
    await expect(openText(opened, bytes)).rejects.toMatchObject({ code });
  });

  it('keeps what may begin a stop string when it is left, saved and opened', async () => {
    const stop = `${textOf(whole)}and something that never comes`;
    const text = await openText(opened);
    const before: TextPiece[] = [];
    for await (const piece of text.generate(PROMPT, { ...SETTINGS, stop: [stop] })) {
      before.push(piece);
      if (before.length === 5) break;
    }
    expect(textOf(before)).toBe('');
    const moved = await openText(opened, await text.save());
    expect(textOf(await gathered(moved.generate('', { maxTokens: 7 })))).toBe(textOf(whole));
  });

  it('refuses settings out of range before anything is fed', async () => {
    const text = await openText(opened);
    await expect(gathered(text.generate(PROMPT, { temperature: 99 }))).rejects.toThrow(RangeError);
    await expect(gathered(text.generate(PROMPT, { maxTokens: 0 }))).rejects.toThrow(RangeError);
    expect(text.sequence.position).toBe(0);
    expect(tokensOf(await gathered(text.generate(PROMPT, SETTINGS)))).toEqual(tokensOf(whole));
  });
});

/** The machine, whose sequences abort when so many tokens of a prompt are fed. */
function abortedAt(at: number, ending: AbortController): Machine {
  const { machine } = opened;
  const open: Machine['open'] = async () => {
    const sequence = await machine.open();
    const generateOn = sequence.generate.bind(sequence);
    const onPrompt = (fed: number): void => void (fed === at && ending.abort());
    sequence.generate = (request) => generateOn({ ...request, onPrompt });
    return sequence;
  };
  return { facts: machine.facts, open, close: () => machine.close() };
}
