/** Machines for a scheduler: small ones, and such as fail, hang or compute something else after some tokens. */
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { GeneratedToken, GenerateRequest, Machine, Sequence } from '../../../model/machine/machine.js';
import type { GivenToken, Job, Work } from '../../../serve/scheduler/job.js';
import { referenceOf } from '../../helpers/machines.js';
import { tinySections, TINY_SHAPE } from '../../helpers/tiny-image.js';

/** An end token comes seldom. */
export const SECTIONS = tinySections(1, { ...TINY_SHAPE, vocabSize: 500, hiddenSize: 16, eosTokenId: 499 });

export interface Faults {
  /** After so many tokens, counted over all texts. */
  readonly after: number;
  readonly how: 'throw' | 'refuse' | 'hang' | 'lie';
}

/** @param traits what else the machine says of itself */
export function machine(traits: Partial<Machine['facts']> = {}, faults?: Faults): Machine {
  const inner = referenceOf(SECTIONS);
  const facts = { ...inner.facts, ...traits };
  let count = 0;
  let opened = 0;
  async function* generate(sequence: Sequence, request: GenerateRequest): AsyncGenerator<GeneratedToken> {
    for await (const token of sequence.generate(request)) {
      const isFaulty = faults !== undefined && ++count > faults.after;
      if (isFaulty && faults.how === 'throw') throw new Error('the cable came out');
      if (isFaulty && faults.how === 'refuse') throw new RangeError('this token is none');
      if (isFaulty && faults.how === 'hang') await new Promise(() => {});
      yield isFaulty ? { ...token, receipt: token.receipt ^ 1 } : token;
    }
  }
  const open = async (): Promise<Sequence> => {
    if (opened++ === facts.sequences) throw new Error('it has no sequence more');
    const sequence = await inner.open();
    return new Proxy(sequence, {
      get(target, name) {
        if (name === 'close') opened--;
        if (name === 'generate') return (request: GenerateRequest) => generate(target, request);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };
  return { facts, open, close: async () => await inner.close() };
}

export function work(seed: number, more: Partial<Work> = {}): Work {
  const sampler = samplerSettings({ temperature: 1, topK: 64, topP: 1, seed: BigInt(seed) });
  const signal = new AbortController().signal;
  return { prompt: [1, 10 + seed, 3], maxTokens: 30, sampler, owner: 'a', priority: 0, signal, ...more };
}

/** All that comes of a job. @throws what it failed with */
export async function all(job: Job): Promise<GivenToken[]> {
  const found: GivenToken[] = [];
  for (;;) {
    const tokens = await job.take();
    if (tokens.length === 0) return found;
    found.push(...tokens);
  }
}

/** Receipts of the same work with nobody else. */
export async function alone({ prompt, maxTokens, sampler }: Work): Promise<number[]> {
  const sequence = await referenceOf(SECTIONS).open();
  const receipts: number[] = [];
  for await (const { receipt } of sequence.generate({ prompt, maxTokens, sampler })) receipts.push(receipt);
  return receipts;
}
