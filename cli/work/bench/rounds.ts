/**
 * Rates that are measured in turn: each round measures everything once, so that a slow moment of the computer meets all
 * of it, and what is compared is compared in the same minute. Beside the clock, the time of the processor: what a token
 * costs, whoever else computes.
 */
import { median } from './input.js';

/** One measurement, or the middle one of several. */
export interface Rate {
  readonly perSecond: number;
  /** Milliseconds of processor for one of them, all threads together. */
  readonly processorMs: number;
}

/** The time that work takes, in this process. @param work gives how many it did */
export async function rateOf(work: () => Promise<number>): Promise<Rate> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  const count = await work();
  const passedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(before);
  return { perSecond: (1000 * count) / passedMs, processorMs: (user + system) / 1000 / count };
}

/** Something that is measured. */
export interface Measure {
  readonly measure: () => Promise<Rate>;
}

/** What was measured, and what was found: the median. */
export type Measured<T extends Measure> = T & { readonly rate: Rate };

/**
 * Measures everything `rounds` times, in turn.
 *
 * @param onRound is called after each round
 * @returns each with its median
 */
export async function inTurn<T extends Measure>(
  measures: readonly T[],
  rounds: number,
  onRound: () => void,
): Promise<Measured<T>[]> {
  const found: Rate[][] = measures.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { measure }] of measures.entries()) found[index]!.push(await measure());
    onRound();
  }
  return measures.map((what, index) => {
    const middle = (key: keyof Rate): number => median(found[index]!.map((rate) => rate[key]));
    return { ...what, rate: { perSecond: middle('perSecond'), processorMs: middle('processorMs') } };
  });
}
