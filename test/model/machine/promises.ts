/**
 * The promises of model/machine/machine.ts, as one body of tests for every machine. What is expected is computed here
 * by the integer model alone, token by token, without any machine.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { IntegerModel } from '../../../model/integer/integer-model.js';
import { readModelWeights, residentBytes } from '../../../model/integer/model-weights.js';
import { Sampler, samplerSettings } from '../../../model/integer/sampler.js';
import {
  feedOnly,
  type GeneratedToken,
  type GenerateRequest,
  type Machine,
  type Sequence,
  type StepRecord,
  type Want,
} from '../../../model/machine/machine.js';
import type { ModelSections } from '../../../protocol/image/model-shape.js';
import { MAX_STATE_WORD, type SequenceState } from '../../../protocol/state/sequence-state.js';
import { StateError } from '../../../protocol/state/state-error.js';
import { exp2Table } from '../../../protocol/image/tables.js';
import { TEST_IMAGE } from '../../helpers/machines.js';
import { randomModel } from '../../oracle/random-model.js';

/** An odd shape in which no text ends by itself, almost; one where every second token may. */
export const SECTIONS = randomModel(10, { shape: { eosTokenId: 52 } });
const ENDING = randomModel(12, { shape: { vocabSize: 53, eosTokenId: 3 } });

const SAMPLED = samplerSettings({ temperature: 1, topK: 40, topP: 0.95, seed: 7n });
const HOT = samplerSettings({ temperature: 10, topK: 64, topP: 1, seed: 3n });
const PROBE = [7, 8, 9];

/** A text without a machine: what was fed, what was chosen. */
class Expected {
  readonly #model: IntegerModel;
  readonly #sampler = new Sampler(exp2Table());
  state: SequenceState;

  constructor(sections: ModelSections = SECTIONS) {
    this.#model = new IntegerModel(readModelWeights(residentBytes(sections)));
    this.state = {
      position: 0,
      lastReceipt: undefined,
      chosen: undefined,
      nextDraw: 0,
      words: this.#model.state.slice(),
    };
  }

  /** @param knowsReceipt whether the machine was asked for it */
  feed(tokens: readonly number[], knowsReceipt = true): Required<StepRecord>[] {
    const { chosen } = this.state;
    if (chosen !== undefined) this.#step(chosen, false);
    return tokens.map((token) => this.#step(token, knowsReceipt));
  }

  generate({ prompt, maxTokens, sampler }: Omit<GenerateRequest, 'signal'>): GeneratedToken[] {
    const { chosen } = this.state;
    const tokens = chosen === undefined ? prompt : [chosen, ...prompt];
    for (const token of tokens.slice(0, -1)) this.#step(token, false);
    let next = tokens.at(-1) ?? NaN;
    const chosenTokens: GeneratedToken[] = [];
    for (let count = 0; count < maxTokens; count++) {
      const { receipt, logits } = this.#step(next, true);
      const index = this.state.nextDraw;
      next = this.#sampler.choose(logits, sampler, index);
      this.state = { ...this.state, chosen: next, nextDraw: index + 1 };
      chosenTokens.push({ index, id: next, receipt });
      const { eosTokenId, eosTokenIds = [eosTokenId] } = this.#model.shape;
      if (eosTokenIds.includes(next)) break;
    }
    return chosenTokens;
  }

  #step(token: number, knowsReceipt: boolean): Required<StepRecord> {
    const taps = Array.from(this.#model.stepWithTaps(token));
    const receipt = this.#model.receipt();
    const position = this.state.position + 1;
    const lastReceipt = knowsReceipt ? receipt : undefined;
    this.state = { ...this.state, position, lastReceipt, chosen: undefined, words: this.#model.state.slice() };
    return { token, receipt, taps, logits: this.#model.logits.slice() };
  }
}

/** A machine for the tests. */
export interface MachineUnderTest {
  readonly make: (sections: ModelSections) => Promise<Machine>;
  /** Lets the machine's own time pass until `work` is done, where it has one. */
  readonly within?: <T>(work: Promise<T>) => Promise<T>;
  readonly patienceMs?: number;
  /** What the machine cannot do, which is not tried. */
  /** SHA-256 of the seal. */
  readonly image?: Uint8Array;
  readonly cannot?: readonly ('taps' | 'logits' | 'state')[];
}

/** @param name of the machine */
export function describePromises(
  name: string,
  { make, within = (work) => work, patienceMs = 120_000, cannot = [], image = TEST_IMAGE.sha256 }: MachineUnderTest,
): void {
  describe(`the machine ${name}`, { timeout: patienceMs }, () => {
    let machine: Machine;
    it('says what it can do', () => {
      const { taps, logits, state } = machine.facts.can;
      expect({ taps, logits, state }).toEqual({
        taps: !cannot.includes('taps'),
        logits: !cannot.includes('logits'),
        state: !cannot.includes('state'),
      });
      expect(machine.facts.shape).toMatchObject(SECTIONS.shape);
      expect(machine.facts.image.sha256).toEqual(image);
    });

    beforeAll(async () => {
      machine = await within(make(SECTIONS));
    }, patienceMs);
    afterAll(async () => {
      await within(machine.close());
    }, patienceMs);

    const withSequence = (body: (sequence: Sequence) => Promise<void>) => async (): Promise<void> => {
      await within(
        (async () => {
          const sequence = await machine.open();
          try {
            await body(sequence);
          } finally {
            await sequence.close();
          }
        })(),
      );
    };

    /** The state is the expected one: by its value where the machine gives it, and by what comes next. */
    const expectState = async (sequence: Sequence, expected: Expected): Promise<void> => {
      expect(sequence.position).toBe(expected.state.position);
      const state = machine.facts.can.state ? await sequence.save() : expected.state;
      expect(state).toEqual(expected.state);
      expect(await records(sequence.feed(PROBE))).toEqual(receiptsOf(expected.feed(PROBE)));
    };

    const wants = (['receipts', 'taps', 'logits'] as const).filter(
      (want) => want === 'receipts' || !cannot.includes(want),
    );

    for (const want of wants) {
      it(
        `reports ${want} of what it is fed`,
        withSequence(async (sequence) => {
          const expected = new Expected();
          const tokens = tokensOf(1, 40);
          const found = await records(sequence.feed(tokens, { want }));
          expect(found).toEqual(expected.feed(tokens).map((record) => wanted(record, want)));
          await expectState(sequence, expected);
        }),
      );

      it(
        `is behind the last of the ${want} that was taken when the rest is left`,
        withSequence(async (sequence) => {
          for (const taken of [1, 2, 17]) {
            await sequence.reset();
            const expected = new Expected();
            await records(sequence.feed([3, 1, 2]));
            expected.feed([3, 1, 2]);
            const tokens = tokensOf(taken, 40);
            expect(await records(sequence.feed(tokens, { want }), taken)).toHaveLength(taken);
            expected.feed(tokens.slice(0, taken));
            await expectState(sequence, expected);
          }
        }),
      );
    }

    it(
      'wants nothing, and is behind what it was fed',
      withSequence(async (sequence) => {
        const expected = new Expected();
        for (const length of [1, 2, 16, 17, 70]) {
          const tokens = tokensOf(length, length);
          await feedOnly(sequence, tokens);
          expected.feed(tokens, false);
          expect(sequence.position).toBe(expected.state.position);
        }
        await expectState(sequence, expected);
      }),
    );

    it(
      'generates what the integer model and the sampler give',
      withSequence(async (sequence) => {
        const expected = new Expected();
        for (const [prompt, maxTokens] of [
          [[5, 6], 30],
          [[], 7],
          [[1, 2, 3, 4], 1],
          [[], 20],
        ] as const) {
          const request = { prompt, maxTokens, sampler: SAMPLED };
          expect(await all(sequence.generate(request))).toEqual(expected.generate(request));
        }
        await expectState(sequence, expected);
      }),
    );

    it(
      'chooses, leaves, and is asked to feed: what was chosen comes first',
      withSequence(async (sequence) => {
        for (const taken of [1, 2, 3, 4, 9, 20]) {
          await sequence.reset();
          const expected = new Expected();
          const request = { prompt: [5, 6], maxTokens: 60, sampler: SAMPLED };
          expect(await all(sequence.generate(request), taken)).toEqual(
            expected.generate({ ...request, maxTokens: taken }),
          );
          await expectState(sequence, expected);
        }
      }),
    );

    it(
      'ends at an abort, without an error, behind what it gave',
      withSequence(async (sequence) => {
        for (const taken of [1, 6]) {
          await sequence.reset();
          const expected = new Expected();
          const stop = new AbortController();
          const request = { prompt: [1], maxTokens: 1000, sampler: SAMPLED };
          const tokens: GeneratedToken[] = [];
          for await (const token of sequence.generate({ ...request, signal: stop.signal })) {
            tokens.push(token);
            if (tokens.length === taken) stop.abort();
          }
          expect(tokens).toEqual(expected.generate({ ...request, maxTokens: taken }));
          await expectState(sequence, expected);
        }
      }),
    );

    it(
      'feeds nothing when it is aborted before',
      withSequence(async (sequence) => {
        const expected = new Expected();
        const signal = AbortSignal.abort();
        const request = { prompt: tokensOf(3, 50), maxTokens: 10, sampler: SAMPLED, signal };
        expect(await all(sequence.generate(request))).toEqual([]);
        expect(await records(sequence.feed([1, 2], { signal }))).toEqual([]);
        await feedOnly(sequence, [1, 2], signal);
        await expectState(sequence, expected);
      }),
    );

    it(
      'is behind a whole number of tokens when it is aborted while it is fed',
      withSequence(async (sequence) => {
        for (const run of [false, true]) {
          await sequence.reset();
          const expected = new Expected();
          const stop = new AbortController();
          const tokens = tokensOf(4, 300);
          const request = { prompt: tokens, maxTokens: 10, sampler: SAMPLED, signal: stop.signal };
          const work = run ? all(sequence.generate(request)) : feedOnly(sequence, tokens, stop.signal);
          await Promise.resolve();
          stop.abort();
          await work;
          expect(sequence.position).toBeLessThanOrEqual(tokens.length);
          expected.feed(tokens.slice(0, sequence.position), false);
          expect(await records(sequence.feed(PROBE))).toEqual(receiptsOf(expected.feed(PROBE)));
        }
      }),
    );

    it(
      'refuses what is no token, an empty prompt, and does nothing',
      withSequence(async (sequence) => {
        const expected = new Expected();
        await records(sequence.feed([4, 5]));
        expected.feed([4, 5]);
        for (const prompt of [[], [53], [-1], [0.5], [1, 53, 1]]) {
          await expect(all(sequence.generate({ prompt, maxTokens: 1, sampler: SAMPLED }))).rejects.toThrow(RangeError);
        }
        const none = { prompt: [1], maxTokens: 0, sampler: SAMPLED };
        await expect(all(sequence.generate(none))).rejects.toThrow('a run chooses at least one token');
        for (const want of ['nothing', 'receipts'] as const) {
          await expect(records(sequence.feed([1, 53], { want }))).rejects.toThrow(
            'token 53 is not an id of the vocabulary',
          );
        }
        await expectState(sequence, expected);
      }),
    );

    it(
      'does one thing at a time, and nothing when it is closed',
      withSequence(async (sequence) => {
        const running = sequence.generate({ prompt: [1], maxTokens: 50, sampler: SAMPLED })[Symbol.asyncIterator]();
        await running.next();
        await expect(records(sequence.feed([1]))).rejects.toThrow('a sequence does one thing at a time');
        await expect(sequence.reset()).rejects.toThrow('a sequence does one thing at a time');
        await running.return?.();
        await records(sequence.feed([1]));
        await sequence.close();
        await sequence.close();
        await expect(records(sequence.feed([1]))).rejects.toThrow('this sequence is closed');
      }),
    );

    it(
      'begins anew after a reset',
      withSequence(async (sequence) => {
        await all(sequence.generate({ prompt: [5, 6], maxTokens: 5, sampler: SAMPLED }));
        await sequence.reset();
        await expectState(sequence, new Expected());
      }),
    );

    it.each<[string, readonly number[] | undefined, number]>([
      ['the end token', undefined, 3],
      ['whichever of several end tokens comes first', [3, 17, 25, 41], 41],
    ])('ends with %s, which is chosen and not fed', async (_title, eosTokenIds, last) => {
      await within(
        (async () => {
          const ids = { eosTokenId: 3, ...(eosTokenIds && { eosTokenIds }) };
          const ending = { ...ENDING, shape: { ...ENDING.shape, ...ids } };
          const other = await make(ending);
          const sequence = await other.open();
          const expected = new Expected(ending);
          const request = { prompt: [1], maxTokens: 500, sampler: HOT };
          const tokens = await all(sequence.generate(request));
          expect(tokens.at(-1)?.id).toBe(last);
          expect(tokens).toEqual(expected.generate(request));
          await expectState(sequence, expected);
          await other.close();
        })(),
      );
    });

    it.runIf(cannot.includes('state'))(
      'refuses to save and to restore',
      withSequence(async (sequence) => {
        await expect(sequence.save()).rejects.toThrow(RangeError);
        await expect(sequence.restore(new Expected().state)).rejects.toThrow(RangeError);
      }),
    );

    it.skipIf(cannot.includes('state'))(
      'saves a state that goes on elsewhere, and refuses one that is none',
      withSequence(async (sequence) => {
        const expected = new Expected();
        const request = { prompt: [5, 6], maxTokens: 9, sampler: SAMPLED };
        await all(sequence.generate(request));
        expected.generate(request);
        const state = await sequence.save();
        expect(state).toEqual(expected.state);
        await all(sequence.generate({ ...request, prompt: [3] }));
        expect(state).toEqual(expected.state);
        await sequence.reset();
        await sequence.restore(state);
        const words = state.words.slice();
        words[3] = -MAX_STATE_WORD - 1;
        await expect(sequence.restore({ ...state, words })).rejects.toThrow(StateError);
        await expect(sequence.restore({ ...state, nextDraw: state.position + 1 })).rejects.toThrow(StateError);
        expect(await all(sequence.generate({ ...request, prompt: [] }))).toEqual(
          expected.generate({ ...request, prompt: [] }),
        );
        await expectState(sequence, expected);
      }),
    );

    it('has sequences that know nothing of each other, whoever waits for whom', async () => {
      const count = Math.min(machine.facts.sequences, 5);
      if (count < 2) return;
      await within(
        (async () => {
          const sequences = await Promise.all(Array.from({ length: count }, () => machine.open()));
          const expected = sequences.map(() => new Expected());
          // All at once, then one after the other by the token, then both ways mixed.
          const request = (k: number): GenerateRequest => ({
            prompt: tokensOf(20 + k, 1 + 9 * k),
            maxTokens: 12 + 5 * k,
            sampler: SAMPLED,
          });
          const together = await Promise.all(sequences.map((sequence, k) => all(sequence.generate(request(k)))));
          expect(together).toEqual(expected.map((text, k) => text.generate(request(k))));

          const iterators = sequences.map((sequence, k) => sequence.generate(request(k))[Symbol.asyncIterator]());
          const inTurn: GeneratedToken[][] = sequences.map(() => []);
          for (let round = 0; round < 6; round++) {
            for (const [k, iterator] of iterators.entries()) {
              const next = await iterator.next();
              if (next.done !== true) inTurn[k]?.push(next.value);
            }
          }
          await Promise.all(iterators.map(async (iterator) => await iterator.return?.()));
          expect(inTurn).toEqual(expected.map((text, k) => text.generate({ ...request(k), maxTokens: 6 })));

          const fed = sequences.map((sequence, k) =>
            k % 2 === 0 ? records(sequence.feed(tokensOf(k, 30))) : all(sequence.generate(request(k))),
          );
          expect(await Promise.all(fed)).toEqual(
            expected.map((text, k) =>
              k % 2 === 0 ? receiptsOf(text.feed(tokensOf(k, 30))) : text.generate(request(k)),
            ),
          );
          for (const [k, sequence] of sequences.entries()) {
            await expectState(sequence, expected[k] ?? new Expected());
            await sequence.close();
          }
        })(),
      );
    });
  });
}

/** Always the same. */
function tokensOf(seed: number, length: number): number[] {
  return Array.from({ length }, (_, k) => (seed * 31 + k * k + 7 * k) % 52);
}

/** All that comes, or the first few, after which the iterator is left. */
async function all<T>(items: AsyncIterable<T>, most = Infinity): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
    if (found.length === most) break;
  }
  return found;
}

/** Records as they were when they came. */
function records(items: AsyncIterable<StepRecord>, most = Infinity): Promise<StepRecord[]> {
  return all(copied(items), most);
}

async function* copied(items: AsyncIterable<StepRecord>): AsyncGenerator<StepRecord> {
  for await (const record of items) yield record.logits ? { ...record, logits: record.logits.slice() } : record;
}

function wanted({ token, receipt, taps, logits }: Required<StepRecord>, want: Want): StepRecord {
  return { token, receipt, ...(want === 'taps' && { taps }), ...(want === 'logits' && { logits }) };
}

function receiptsOf(steps: readonly Required<StepRecord>[]): StepRecord[] {
  return steps.map((record) => wanted(record, 'receipts'));
}
