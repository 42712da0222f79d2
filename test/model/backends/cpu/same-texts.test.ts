/**
 * Texts as they live on the processor, side by side: fed in pieces, sampled, left in the middle, saved and moved to the
 * reference and back. Whatever the kernels, the threads and the others in the batch, each is what the reference makes
 * of it.
 */
import { afterAll, expect, it } from 'vitest';
import { FAMILIES, type KernelFamily } from '../../../../model/backends/cpu/kernels.js';
import { familiesOfNode } from '../../../../model/backends/cpu/node/families.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import { threefry } from '../../../../model/integer/threefry.js';
import type { GeneratedToken, Sequence, StepRecord, Want } from '../../../../model/machine/machine.js';
import { count, figure } from '../../../helpers/counts.js';
import { cpuOf } from '../../../helpers/cpu.js';
import { referenceOf } from '../../../helpers/machines.js';
import { EXTREME_MODELS, randomModel, type ModelRecipe } from '../../../oracle/random-model.js';

const TOKENS = count(1500, 24_000);
const MOST_THREADS = 8;
const TEXTS = 5;
const DEEDS = 12;
const WANTS = ['nothing', 'receipts', 'taps', 'logits'] as const;

/** Those that this version of Node computes right. */
const families = FAMILIES.filter((family) => familiesOfNode().includes(family));
const recipes: readonly (readonly [string, ModelRecipe])[] = [['a plain model', {}], ...Object.entries(EXTREME_MODELS)];

/** Numbers of one life, always the same. */
class Chance {
  readonly #seed: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** 0 … most − 1 */
  below(most: number): number {
    return threefry(this.#seed, 17, this.#drawn++, 0) % most;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

/** A text on the machine that is tried, and on the reference. */
interface Pair {
  readonly subject: Sequence;
  readonly reference: Sequence;
}

const tried = { tokens: 0, machines: 0, moves: 0, threads: new Set<number>(), families: new Set<KernelFamily>() };

it(`makes ${TOKENS} tokens as the reference does`, async () => {
  for (let round = 0; tried.tokens < TOKENS; round++) await expectSameTexts(round);
  expect(tried.moves).toBeGreaterThan(0);
  expect([...tried.families].toSorted()).toEqual(families.toSorted());
});

afterAll(() => {
  const kernels = [...tried.families].join(', ');
  const threads = `${Math.min(...tried.threads)} to ${Math.max(...tried.threads)} threads`;
  figure(
    'processor against reference: tokens, receipts equal',
    `${tried.tokens} on ${tried.machines} models, ${tried.moves} moves of a state; ${kernels}; ${threads}; Node ${process.version}`,
  );
});

/** Lives of several texts, all at once on one machine. */
async function expectSameTexts(round: number): Promise<void> {
  const chance = new Chance(round);
  const [name, recipe] = recipes[round % recipes.length]!;
  const family = families[round % families.length]!;
  const threads = 1 + (round % MOST_THREADS);
  const sections = randomModel(round, recipe);
  const machine = await cpuOf(sections, { families: [family], threads, setting: { family, threads } });
  const reference = referenceOf(sections);
  tried.machines++;
  tried.threads.add(threads);
  tried.families.add(family);
  try {
    const { vocabSize } = sections.shape;
    const lives = Array.from({ length: 1 + chance.below(TEXTS) }, async (_, k) => {
      const pair = { subject: await machine.open(), reference: await reference.open() };
      await live(pair, vocabSize, new Chance(1000 * round + k + 1));
    });
    await Promise.all(lives);
  } catch (error) {
    throw new Error(`round ${round}: ${name}, ${family}, threads: ${threads}`, { cause: error });
  } finally {
    await machine.close();
  }
}

async function live(pair: Pair, vocabSize: number, chance: Chance): Promise<void> {
  const tokens = (most: number): number[] => Array.from({ length: chance.below(most) }, () => chance.below(vocabSize));
  await eachOf(pair, (sequence) => all(sequence.feed([0])));
  for (let deed = 0; deed < DEEDS; deed++) {
    switch (chance.of(['feed', 'feed', 'generate', 'generate', 'move', 'reset'])) {
      case 'feed': {
        const [prompt, want, most] = [tokens(60), chance.of<Want>(WANTS), chance.of([Infinity, Infinity, 7])];
        await eachOf(pair, (sequence) => all(sequence.feed(prompt, { want }), most));
        break;
      }
      case 'generate': {
        const [temperature, topK] = [chance.of([0, 0.8, 3]), 1 + chance.below(64)];
        const sampler = samplerSettings({ temperature, topK, topP: chance.of([0.5, 1]), seed: BigInt(deed) });
        const request = { prompt: [chance.below(vocabSize), ...tokens(20)], maxTokens: 1 + chance.below(20), sampler };
        const most = 1 + chance.below(25);
        await eachOf(pair, (sequence) => all(sequence.generate(request), most));
        break;
      }
      case 'move': {
        const states = await eachOf(pair, (sequence) => sequence.save());
        await pair.subject.restore(states.expected);
        await pair.reference.restore(states.actual);
        tried.moves++;
        break;
      }
      case 'reset':
        await eachOf(pair, (sequence) => sequence.reset());
        break;
    }
  }
  await eachOf(pair, (sequence) => sequence.close());
}

/** Does the same with both, and expects the same of it. */
async function eachOf<T>(
  { subject, reference }: Pair,
  what: (sequence: Sequence) => Promise<T>,
): Promise<{ readonly actual: T; readonly expected: T }> {
  const [before, actual, expected] = [reference.position, await what(subject), await what(reference)];
  expect(actual).toEqual(expected);
  expect(subject.position).toBe(reference.position);
  tried.tokens += Math.max(0, reference.position - before);
  return { actual, expected };
}

/** Copies of what comes, or of the first few, after which the iterator is left. */
async function all<T extends StepRecord | GeneratedToken>(items: AsyncIterable<T>, most = Infinity): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push('logits' in item && item.logits !== undefined ? { ...item, logits: item.logits.slice() } : item);
    if (found.length >= most) break;
  }
  return found;
}
