/**
 * Sequences that come and go at random on one machine, each with a twin on the reference that is alone: whatever the
 * others do, they must be equal. A body of tests, so that it shares the kernels that another one has compiled.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';

import type { GpuMachine } from '../../../../model/backends/gpu/gpu-machine.js';
import { SequencePool } from '../../../../model/backends/gpu/sequence-pool.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import { feedOnly, type Sequence, type StepRecord } from '../../../../model/machine/machine.js';
import type { ModelSections } from '../../../../protocol/image/model-shape.js';
import { count, figure } from '../../../helpers/counts.js';
import { gathered, referenceSequence } from '../../../helpers/machines.js';
import { Prng } from '../../../oracle/prng.js';

/** Steps of the GPU, of however many sequences each. */
const STEPS = count(50, 5000);
const MOST_AT_ONCE = count(4, 9);

/** Two sequences that do the same things. */
class Twins {
  readonly #subject: Sequence;
  readonly #alone: Sequence;
  readonly #random: Prng;
  readonly #vocabSize: number;
  /** Whether a token was chosen and not fed. */
  #hasChosen = false;

  constructor(subject: Sequence, alone: Sequence, random: Prng, vocabSize: number) {
    this.#subject = subject;
    this.#alone = alone;
    this.#random = random;
    this.#vocabSize = vocabSize;
  }

  /** Does something; some of it is left in the middle, or aborted. */
  async act(): Promise<void> {
    const act = this.#random.between(0, 5);
    if (act < 3) await this.#generate();
    else if (act === 3) await this.#feed();
    else if (act === 4) await this.#feedUntilAborted();
    else await this.#goBack();
    assert.equal(this.#subject.position, this.#alone.position);
  }

  async leave(): Promise<void> {
    assert.deepEqual(await this.#subject.save(), await this.#alone.save());
    await this.#subject.close();
  }

  async #generate(): Promise<void> {
    const random = this.#random;
    const [maxTokens, taken] = [random.between(1, 25), random.between(1, 30)];
    const request = {
      prompt: this.#tokens(random.between(0, 5) === 0 ? 40 : 4),
      sampler: samplerSettings({
        temperature: random.between(0, 3) / 2,
        topK: random.between(1, 64),
        topP: random.between(1, 100) / 100,
        seed: BigInt(random.next()),
      }),
    };
    const stop = new AbortController();
    const aborts = random.between(0, 2) === 0;
    const found: unknown[] = [];
    for await (const token of this.#subject.generate({ ...request, maxTokens, signal: stop.signal })) {
      found.push(token);
      if (found.length === taken && !aborts) break;
      if (found.length === taken) stop.abort();
      await this.#dawdle();
    }
    const expected = await gathered(this.#alone.generate({ ...request, maxTokens: Math.min(maxTokens, taken) }));
    assert.deepEqual(found, expected);
    this.#hasChosen = true;
  }

  async #feed(): Promise<void> {
    const random = this.#random;
    const want = (['receipts', 'taps', 'logits'] as const)[random.between(0, 2)]!;
    const tokens = this.#tokens(want === 'logits' ? 6 : 40);
    const taken = random.between(1, 50);
    const found: StepRecord[] = [];
    for await (const record of this.#subject.feed(tokens, { want })) {
      found.push(record.logits ? { ...record, logits: record.logits.slice() } : record);
      if (found.length === taken) break;
      await this.#dawdle();
    }
    assert.deepEqual(found, await gathered(this.#alone.feed(tokens.slice(0, taken), { want })));
    this.#hasChosen = false;
  }

  /** The abort comes at any time. */
  async #feedUntilAborted(): Promise<void> {
    const tokens = this.#tokens(60);
    const before = this.#subject.position;
    const stop = new AbortController();
    const work = feedOnly(this.#subject, tokens, stop.signal);
    await this.#dawdle();
    stop.abort();
    await work;
    const fed = this.#subject.position - before;
    if (fed === 0) return;
    await feedOnly(this.#alone, tokens.slice(0, fed - (this.#hasChosen ? 1 : 0)));
    this.#hasChosen = false;
  }

  /** To a state from before, or to the state zero. */
  async #goBack(): Promise<void> {
    const state = await this.#subject.save();
    assert.deepEqual(state, await this.#alone.save());
    for (const sequence of [this.#subject, this.#alone]) {
      await sequence.reset();
      if (state.position > 100) continue;
      await feedOnly(sequence, [1, 2]);
      await sequence.restore(state);
    }
    if (state.position > 100) this.#hasChosen = false;
  }

  #tokens(most: number): number[] {
    return Array.from({ length: this.#random.between(1, most) }, () => this.#random.between(0, this.#vocabSize - 1));
  }

  /** Now and then longer than others wait for one; nothing is expected of when. */
  async #dawdle(): Promise<void> {
    if (this.#random.between(0, 9) === 0) await sleep(this.#random.between(0, 12));
  }
}

/** @param make a machine that shares nothing with others but compiled kernels */
export function itComputesEachAsIfItWereAlone(make: () => Promise<GpuMachine>, sections: ModelSections): void {
  it('computes sequences that join and leave at random, each as if it were alone', async () => {
    const submit = vi.spyOn(SequencePool.prototype, 'submit');
    const steps = (): number => submit.mock.calls.reduce((sum, [, , , more]) => sum + more, 0);
    const rows = (): number => Math.max(...submit.mock.calls.map(([, , atWork]) => atWork));
    const machine = await make();
    let visits = 0;
    try {
      const visitors = Array.from({ length: MOST_AT_ONCE }, async (_, number) => {
        const random = new Prng(31 + number);
        while (steps() < STEPS) {
          const alone = await referenceSequence(sections);
          const twins = new Twins(await machine.open(), alone, random, sections.shape.vocabSize);
          visits++;
          for (let acts = random.between(1, 6); acts > 0; acts--) await twins.act();
          await twins.leave();
        }
      });
      await Promise.all(visitors);
      expect(rows()).toBeGreaterThan(2);
      const found = `${steps()} steps of up to ${rows()} sequences at once, in ${visits} visits`;
      figure('sequences that join and leave at random on a software GPU, each equal to itself alone', found);
    } finally {
      submit.mockRestore();
      await machine.close();
    }
  }, 3_600_000);
}
