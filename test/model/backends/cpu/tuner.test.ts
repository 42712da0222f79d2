import { expect, it } from 'vitest';
import type { CpuSetting } from '../../../../model/backends/cpu/cpu-messages.js';
import { Tuner } from '../../../../model/backends/cpu/tuner.js';

const FAMILIES = ['relaxed16', 'baseline'] as const;

/** Steps as long as a computer would take. @returns the settings that were in use, in the order of their first steps */
function steps(tuner: Tuner, count: number, msOf: (setting: CpuSetting) => number): string[] {
  const used = new Set<string>();
  for (let step = 0; step < count; step++) {
    const { family, threads } = tuner.setting;
    used.add(`${family} ${threads}`);
    tuner.note(msOf(tuner.setting), 1);
  }
  return [...used];
}

it('tries every family and every number of threads, and chooses what was fastest', () => {
  const tuner = new Tuner(FAMILIES, 3);
  const used = steps(tuner, 100, ({ family, threads }) => (family === 'baseline' ? 8 : 12) / Math.min(threads, 2));
  expect(used).toEqual(['relaxed16 1', 'baseline 1', 'relaxed16 2', 'relaxed16 3', 'baseline 2']);
  expect(tuner.chosen).toEqual({ family: 'baseline', threads: 2 });
});

it('looks at the number of threads again when another program has come', () => {
  const tuner = new Tuner(FAMILIES, 2, { family: 'baseline', threads: 2 });
  expect(steps(tuner, 100, ({ threads }) => 10 / threads)).toEqual(['baseline 2']);
  steps(tuner, 1000, ({ threads }) => 10 * threads);
  expect(tuner.chosen).toEqual({ family: 'baseline', threads: 1 });
});

it('spends little of the time on what is slower', () => {
  const tuner = new Tuner(FAMILIES, 2, { family: 'baseline', threads: 2 });
  const used: number[] = [];
  // Several rows of a large model: a trial with one thread takes most of a second.
  for (let step = 0; step < 2_000; step++) {
    used.push(tuner.setting.threads);
    tuner.note(80 / tuner.setting.threads, 8);
  }
  const slow = used.filter((threads) => threads === 1).length;
  expect(slow).toBeGreaterThan(0);
  // Each of them takes as long as two.
  expect(slow / used.length).toBeLessThan(0.05);
  expect(tuner.chosen).toEqual({ family: 'baseline', threads: 2 });
});

it('has no more than one thread for steps that are short', () => {
  const tuner = new Tuner(FAMILIES, 8);
  expect(steps(tuner, 20_000, () => 0.25)).toEqual(['relaxed16 1', 'baseline 1']);
  expect(tuner.chosen).toEqual({ family: 'relaxed16', threads: 1 });
});

it('compares steps with those of as many rows', () => {
  const tuner = new Tuner(FAMILIES, 2);
  // One row now and then: it takes less, whatever computes it.
  for (let step = 0; step < 100; step++) {
    const { threads } = tuner.setting;
    if (step % 3 === 1) tuner.note(1, 1);
    else tuner.note(16 / threads, 8);
  }
  expect(tuner.chosen).toEqual({ family: 'relaxed16', threads: 2 });
});

it('begins again when steps of that size come no more', () => {
  const tuner = new Tuner(FAMILIES, 2);
  for (let step = 0; step < 5; step++) tuner.note(20, 32);
  expect(tuner.chosen).toBeUndefined();
  steps(tuner, 100, ({ threads }) => 10 / threads);
  expect(tuner.chosen).toEqual({ family: 'relaxed16', threads: 2 });
});
