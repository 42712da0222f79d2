/** Several tokens that end a text, on boards that know them all and on boards from before, which know one. */

import { describe, expect, it } from 'vitest';
import { readTextParts } from '../../device/read-back.js';
import type { GeneratedToken, GenerateRequest, Sequence } from '../../model/machine/machine.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import { BoardOnALine } from '../helpers/board-on-a-line.js';
import { count } from '../helpers/counts.js';
import { goodImageOf } from '../helpers/good-image.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';
import { boardSequence, referenceSequence } from '../helpers/machines.js';

const eosTokenIds = [8, 21, 40, 63];
const OLD = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 });
const NEW = { ...OLD, shape: { ...OLD.shape, eosTokenIds } };
const requestOf = (seed: bigint): GenerateRequest => ({
  prompt: [1, 0, 3],
  maxTokens: 60,
  sampler: samplerSettings({ temperature: 10, topK: 64, topP: 1, seed }),
});

async function generated(sequence: Sequence, request: GenerateRequest): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = [];
  for await (const token of sequence.generate(request)) tokens.push(token);
  return tokens;
}

/** A run, and a second one behind its state. */
async function twoRuns(sequence: Sequence, seed: bigint): Promise<GeneratedToken[]> {
  const first = await generated(sequence, requestOf(seed));
  return [...first, ...(await generated(sequence, { ...requestOf(seed), prompt: [5] }))];
}

describe.each([
  ['that knows them', NEW],
  ['from before, which knows one,', OLD],
])('a board %s', (_board, sections) => {
  describe.each(['board', 'host'] as const)('where the %s samples', (sampling) => {
    it('gives what the reference gives, up to whichever comes first, and goes on from there', async () => {
      const endings = new Set<number | undefined>();
      for (const seed of [1n, 2n, 3n, 4n]) {
        const expected = await twoRuns(await referenceSequence(NEW), seed);
        const line = new BoardOnALine({ image: goodImageOf(sections) });
        const sequence = await boardSequence(await line.connect(), { sampling, eosTokenIds });
        expect(await line.clock.until(twoRuns(sequence, seed))).toEqual(expected);
        endings.add(expected.at(-1)?.id);
      }
      expect([...endings].some((id) => id !== 63 && eosTokenIds.includes(id ?? -1))).toBe(true);
    });
  });

  it('ends a text once, also when the wire is lost at any frame of it', async () => {
    const expected = await generated(await referenceSequence(NEW), requestOf(1n));
    for (let lost = 2; lost < 16 + 4 * expected.length; lost += count(7, 1)) {
      const line = new BoardOnALine({ image: goodImageOf(sections) });
      const sequence = await boardSequence(await line.connect(), { eosTokenIds });
      line.fate = ({ index, bytes }) => {
        if (index === lost) line.clock.after(0, () => line.unplug());
        return [{ bytes }];
      };
      expect(await line.clock.until(generated(sequence, requestOf(1n))), `lost at frame ${lost}`).toEqual(expected);
    }
  });
});

it('what a board reads back says which tokens end a text', async () => {
  for (const [sections, expected] of [
    [NEW, eosTokenIds],
    [OLD, undefined],
  ] as const) {
    const line = new BoardOnALine({ image: goodImageOf(sections) });
    const { session } = await line.connect();
    expect((await line.clock.until(readTextParts(session))).eosTokenIds).toEqual(expected);
  }
});

it('a board ends its run by itself at a token that it does not tell in HELLO', async () => {
  const line = new BoardOnALine({ image: goodImageOf(NEW) });
  const connection = await line.connect();
  expect(connection.session.image).toMatchObject({ eosTokenId: 63 });
  // Who does not know better takes such an end for a breach of the protocol: nothing else ended the run.
  const run = line.clock.until(generated(await boardSequence(connection), requestOf(1n)));
  await expect(run).rejects.toMatchObject({ code: 'board-malformed' });
});
