/**
 * How a run on a board is left: what is said to the board, and how many tokens it is fed again when the text goes on.
 */

import { describe, expect, it } from 'vitest';
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { GenerateRequest, Sequence } from '../../../model/machine/machine.js';
import { isEnd } from '../../../protocol/image/end-tokens.js';
import { CANCEL, RESET, RUN } from '../../../protocol/wire/messages-run.js';
import { BoardOnALine, countMessages } from '../../helpers/board-on-a-line.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { boardSequence, gathered, referenceSequence } from '../../helpers/machines.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';

const SECTIONS = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 });
const SAMPLER = samplerSettings({ temperature: 2, topK: 7, topP: 0.9, seed: 9n });
const FIRST: GenerateRequest = { prompt: [1, 0, 3], maxTokens: 10, sampler: SAMPLER };
const THEN: GenerateRequest = { ...FIRST, prompt: [5], maxTokens: 4 };
/** A wire takes less time than a token. */
const WORK_MS = 3;

/** Two texts of which the second goes on behind the first, which `read` reads as far as it likes. */
async function twoRuns(sequence: Sequence, read: (sequence: Sequence) => Promise<number>): Promise<unknown[]> {
  const seen = await read(sequence);
  return [seen, sequence.position, ...(await gathered(sequence.generate(THEN)))];
}

/** Reads so many tokens and leaves. */
const leaveAt =
  (count: number, request = FIRST): ((sequence: Sequence) => Promise<number>) =>
  async (sequence) => {
    let seen = 0;
    for await (const _ of sequence.generate(request)) if (++seen === count) break;
    return seen;
  };

interface Found {
  readonly results: unknown[];
  readonly messages: ReadonlyMap<number, number>;
  /** Tokens that the board was fed, of both. */
  readonly fed: number;
}

async function onBoard(read: (sequence: Sequence, line: BoardOnALine) => Promise<number>): Promise<Found> {
  const line = new BoardOnALine({ image: goodImageOf(SECTIONS), workMs: WORK_MS });
  const connection = await line.connect();
  const messages = countMessages(line);
  const sequence = await boardSequence(connection);
  const results = await line.clock.until(twoRuns(sequence, (text) => read(text, line)));
  const { steps } = await line.clock.until(connection.session.info());
  return { results, messages, fed: steps };
}

/** Each token once: that of the prompt, and all that were chosen but the last. */
const onceFed = (seen: number): number => FIRST.prompt.length + seen + THEN.prompt.length + THEN.maxTokens - 1;

describe('a run that has all its tokens', () => {
  it.each<[string, Parameters<typeof onBoard>[0]]>([
    ['that is read to its end', async (sequence) => (await gathered(sequence.generate(FIRST))).length],
    ['that is left with its last token', leaveAt(10)],
    [
      'that is aborted with its last token',
      async (sequence) => {
        const abort = new AbortController();
        let seen = 0;
        for await (const _ of sequence.generate({ ...FIRST, signal: abort.signal })) if (++seen === 10) abort.abort();
        return seen;
      },
    ],
  ])('%s ends by itself, and the text goes on behind it', async (_, read) => {
    const { results, messages, fed } = await onBoard(read);
    expect(results).toEqual(await twoRuns(await referenceSequence(SECTIONS), leaveAt(10)));
    expect([messages.get(CANCEL.type), messages.get(RUN.type), fed]).toEqual([undefined, 4, onceFed(10)]);
  });

  it('that is left with an end token ends by itself', async () => {
    const sampler = samplerSettings({ temperature: 10, topK: 64, topP: 1, seed: 5n });
    const request = { ...FIRST, maxTokens: 500, sampler };
    const untilEnd = async (sequence: Sequence): Promise<number> => {
      let seen = 0;
      for await (const { id } of sequence.generate(request)) {
        seen++;
        if (isEnd(SECTIONS.shape, id)) break;
      }
      return seen;
    };
    const expected = await twoRuns(await referenceSequence(SECTIONS), untilEnd);
    expect(expected[0]).toBeLessThan(request.maxTokens);
    const { results, messages, fed } = await onBoard(untilEnd);
    expect(results).toEqual(expected);
    expect([messages.get(CANCEL.type), fed]).toEqual([undefined, onceFed(expected[0] as number)]);
  });

  it('and whose wire is taken away behind the last token is not asked for again', async () => {
    const { results, messages } = await onBoard(async (sequence, line) => {
      let seen = 0;
      for await (const _ of sequence.generate(FIRST)) if (++seen === 10) line.unplug();
      return seen;
    });
    expect(results).toEqual(await twoRuns(await referenceSequence(SECTIONS), leaveAt(10)));
    expect(messages.get(CANCEL.type)).toBeUndefined();
  });
});

describe('a run that is left in the middle', () => {
  it('is cancelled, and the text goes on where the board stands if it chose nothing more', async () => {
    const { results, messages, fed } = await onBoard(leaveAt(4));
    expect(results).toEqual(await twoRuns(await referenceSequence(SECTIONS), leaveAt(4)));
    // The state was set to zero for the first text only.
    expect([messages.get(CANCEL.type), messages.get(RESET.type), fed]).toEqual([1, 1, onceFed(4)]);
  });

  it('of a board that is ahead is cancelled, and what was seen is fed again', async () => {
    const { results, messages, fed } = await onBoard(async (sequence, line) => {
      let seen = 0;
      for await (const _ of sequence.generate(FIRST)) {
        if (++seen < 4) continue;
        await new Promise<void>((resolve) => void line.clock.after(2 * WORK_MS, resolve));
        break;
      }
      return seen;
    });
    expect(results).toEqual(await twoRuns(await referenceSequence(SECTIONS), leaveAt(4)));
    expect([messages.get(CANCEL.type), messages.get(RESET.type)]).toEqual([1, 2]);
    expect(fed).toBeGreaterThan(onceFed(4) + 4);
  });

  it('before its first token may have been fed its prompt or not', async () => {
    const { results, messages } = await onBoard(async (sequence, line) => {
      const abort = new AbortController();
      line.clock.after(1.5 * WORK_MS, () => abort.abort());
      return (await gathered(sequence.generate({ ...FIRST, prompt: [1], signal: abort.signal }))).length;
    });
    const expected = await gathered((await referenceSequence(SECTIONS)).generate(THEN));
    expect(results).toEqual([0, 0, ...expected]);
    expect([messages.get(CANCEL.type), messages.get(RESET.type)]).toEqual([1, 2]);
  });
});
