/**
 * States of beginnings of texts: what is found is compared with a list, and texts with those of a service that keeps
 * nothing.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prefixes } from '../../../serve/scheduler/prefixes.js';
import { randomModel } from '../../oracle/random-model.js';
import { startBoard, TALES_IMAGE } from '../../helpers/command-line.js';
import { count } from '../../helpers/counts.js';
import { referenceOf } from '../../helpers/machines.js';
import { boardSource, serviceOf, sourceOf, type ServiceUnderTest } from '../../helpers/service.js';

const stateOf = (ids: readonly number[]) => ({
  position: ids.length,
  lastReceipt: 7,
  chosen: 1,
  nextDraw: 1,
  words: Int32Array.from([...ids, 0, 0, 0]),
});

const texts = fc.array(fc.array(fc.nat(2), { maxLength: 12 }), { minLength: 1, maxLength: 40 });

describe('the tree', () => {
  it('finds the longest beginning that was kept, and how far a text is known', () => {
    fc.assert(
      fc.property(texts, texts, (kept, asked) => {
        const tree = new Prefixes(() => Infinity);
        for (const ids of kept) tree.keep(ids, stateOf(ids));
        for (const ids of asked) {
          const common = (other: readonly number[]): number => {
            const at = other.findIndex((id, index) => id !== ids[index]);
            return at < 0 ? other.length : at;
          };
          const length = Math.max(0, ...kept.map((other) => (common(other) === other.length ? other.length : 0)));
          const { state, ...found } = tree.find(ids);
          expect(found).toEqual({ length, shared: Math.max(0, ...kept.map(common)) });
          const words = Int32Array.from([...ids.slice(0, length), 0, 0, 0]);
          const begun = { position: length, lastReceipt: undefined, chosen: undefined, nextDraw: 0, words };
          expect(state).toEqual(length === 0 ? undefined : begun);
        }
      }),
    );
  });

  it('stays within its bytes, gives up what was used least recently, and is empty when nothing is left', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 2000, max: 6000 }), (kept, limit) => {
        let bytes = limit;
        const tree = new Prefixes(() => bytes);
        for (const ids of kept) {
          tree.keep(ids, stateOf(ids));
          expect(tree.bytes).toBeLessThanOrEqual(limit);
          // What came last is the last to go.
          expect(tree.find(ids).length).toBe(ids.length);
        }
        bytes = 0;
        tree.keep([9], stateOf([9]));
        expect([tree.size, tree.bytes]).toEqual([0, 0]);
        expect(tree.find([0, 1, 2])).toEqual({ state: undefined, length: 0, shared: 0 });
      }),
    );
  });

  it('keeps what is used', () => {
    const bytesOfThree = 3 * (256 + 4 + 16);
    const tree = new Prefixes(() => bytesOfThree);
    for (const id of [1, 2, 3]) tree.keep([id], stateOf([id]));
    tree.find([1, 5]);
    tree.keep([4], stateOf([4]));
    expect([1, 2, 3, 4].map((id) => tree.find([id]).length)).toEqual([1, 0, 1, 1]);
  });
});

describe('a service that keeps states', () => {
  const sections = randomModel(10, { shape: { eosTokenId: 52 } });
  const sources = [sourceOf('tiny', () => referenceOf(sections))];
  let keeping: ServiceUnderTest;
  let forgetful: ServiceUnderTest;
  beforeAll(async () => {
    // Some ten states, so that most of them go.
    keeping = await serviceOf({ sources, limits: { prefixBytes: 5000 } });
    forgetful = await serviceOf({ sources, limits: { prefixBytes: 0 } });
  });
  afterAll(async () => {
    await keeping?.close();
    await forgetful?.close();
  });

  it('gives the answers of one that keeps none, log-probabilities included', async () => {
    const random = (state: number): number => (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    let seed = 5;
    const draw = (below: number): number => ((seed = random(seed)) % 65_521) % below;
    const known: number[][] = [[1]];
    let cached = 0;
    for (let turn = 0; turn < count(25, 2000); turn++) {
      const before = known[draw(known.length)]!;
      const prompt = [...before.slice(0, 1 + draw(before.length)), ...Array.from({ length: draw(80) }, () => draw(53))];
      const request = {
        prompt,
        seed: draw(3),
        max_tokens: draw(60),
        n: 1 + draw(2),
        temperature: 1,
        ...(draw(4) === 0 && { logprobs: draw(3), echo: draw(2) === 0 }),
      };
      const [answer, expected] = await Promise.all([
        keeping.json('/v1/completions', request),
        forgetful.json('/v1/completions', request),
      ]);
      expect(answer.choices).toEqual(expected.choices);
      cached += answer.usage.prompt_tokens_details.cached_tokens;
      known.push([...prompt, ...answer.mmfree.tokens]);
      if (known.length > 8) known.shift();
    }
    expect(cached).toBeGreaterThan(0);
    expect(keeping.models.list[0]!.scheduler.prefixes.bytes).toBeLessThanOrEqual(5000);
    expect([...keeping.failures, ...forgetful.failures]).toEqual([]);
  });
});

describe.each(['cpu', 'board'])('on a machine of the kind %s', (kind) => {
  it('a prompt that is sent again, and what is said behind its answer, are fed from where they are new', async () => {
    const board = kind === 'board' ? await startBoard('--image', TALES_IMAGE) : undefined;
    const tested = await serviceOf(board && { sources: [boardSource(board.selector)] });
    const prompt = Array.from({ length: 60 }, (_, index) => 300 + ((index * 37) % 1000));
    const told = async (asked: object): Promise<[number, readonly string[], readonly number[]]> => {
      const { usage, mmfree } = await tested.json('/v1/completions', { max_tokens: 40, seed: 3, prompt, ...asked });
      return [usage.prompt_tokens_details.cached_tokens, mmfree.receipts, mmfree.tokens];
    };
    const [none, receipts, tokens] = await told({});
    expect(await told({})).toEqual([59, receipts, tokens]);
    const longer = [...prompt, ...tokens, 5, 6];
    const [cached, behind] = await told({ prompt: longer, max_tokens: 3 });
    expect([none, cached]).toEqual([0, 99]);
    const fresh = await serviceOf({ limits: { prefixBytes: 0 } });
    const alone = await fresh.json('/v1/completions', { prompt: longer, max_tokens: 3, seed: 3 });
    expect(behind).toEqual(alone.mmfree.receipts);
    await fresh.close();
    await tested.close();
    await board?.stop();
  });
});
