/** How a run ends that does not come to its end, on a trainer that computes nothing. */
import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { describeProblem } from '../../../../cli/advice/describe-problem.js';
import type { CommandContext } from '../../../../cli/command.js';
import { followRun, type Run } from '../../../../cli/work/train/follow-run.js';
import { initialParameters } from '../../../../model/train/initial-parameters.js';
import type { Trainer } from '../../../../model/train/gpu/trainer.js';
import { readState, saveState } from '../../../../model/train/run/save.js';
import { temporaryFolder } from '../../../helpers/command-line.js';
import { toy } from '../../../helpers/training.js';

const path = temporaryFolder();
const { config } = toy([16, 32, 1, 300], [1, 4]);
const floats = Float32Array.of(1);

/** Diverges at the first step. @param parameters of the state that it is given then */
function runOn(parameters: Trainer['parameters']): Run {
  const trainer = {
    layout: { places: new Map() },
    allocatedBytes: 0,
    begin: () => {},
    microBatch: () => {},
    update: () => Promise.resolve({ loss: NaN, gradientNorm: 1 }),
    restore: () => {},
    parameters,
  } as unknown as Trainer;
  const recipe = {
    context: 4,
    batch: 1,
    microBatch: 1,
    steps: 3,
    rate: 1,
    warmUp: 0,
    decay: 0,
    clip: 1,
    seed: '1',
  };
  const model = { config } as Run['model'];
  const tokens = new Uint32Array(9);
  return { folder: path(''), model, tokens, trainer, recipe, done: 0, lines: [], saveEvery: 60, half: false };
}

const progress = { begin: () => {}, update: () => {}, end: () => {} };
const context = {
  output: { note: () => {}, event: () => {}, progress: () => progress },
  signal: new AbortController().signal,
  takeTimeToEnd: () => {},
} as unknown as CommandContext;

/** What the user is told. */
async function problemOf(parameters: Trainer['parameters']): Promise<ReturnType<typeof describeProblem>> {
  await saveState(path(''), 0, { parameters: floats, first: floats, second: floats });
  await writeFile(path('train.jsonl'), '');
  return await followRun(runOn(parameters), context).then(() => expect.unreachable(), describeProblem);
}

it('tells of a loss that is no number, and of the checkpoint that is left', async () => {
  const { exit, code, facts, fix } = await problemOf(() => Promise.resolve(initialParameters(config, 1n)));
  expect([exit, code]).toEqual([21, 'train-diverged']);
  expect(facts).not.toHaveProperty('saved');
  expect(fix).toContain('a lower --rate');
  expect(fix).toContain('the folder holds the last good checkpoint');
});

it('tells of it also where the disk is full when the checkpoint is written, and what is lost', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  const { exit, code, facts, cause, fix } = await problemOf(() => Promise.reject(full));
  expect([exit, code]).toEqual([21, 'train-diverged']);
  expect(facts).toMatchObject({ step: 1, saved: 0, file: path('') });
  expect(cause).toContain('The last good checkpoint could not be written');
  expect(cause).toContain('ENOSPC');
  expect(fix).toMatch(/^Make room on the disk .* Then --resume .* Begin again with a lower --rate/);
  expect(fix).not.toContain('holds the last good checkpoint');
});

it('saves at Ctrl-C where it is, at most one step later, and says how to go on', async () => {
  const abort = new AbortController();
  let steps = 0;
  const state = (): Promise<unknown> => {
    const values = Float32Array.of(steps);
    return Promise.resolve({ parameters: values, first: values, second: values });
  };
  const update = async (): Promise<{ loss: number; gradientNorm: number }> => {
    steps++;
    await Promise.resolve();
    // While the card is at the fourth step.
    if (steps === 4) abort.abort();
    return { loss: 1, gradientNorm: 1 };
  };
  const run = runOn(() => Promise.reject(new Error('It is not at its end.')));
  const trainer = Object.assign(run.trainer, { update, state }) as unknown as Trainer;
  const notes: string[] = [];
  const output = { ...context.output, note: (text: string) => notes.push(text) };
  const recipe = { ...run.recipe, steps: 100 };
  const ended = followRun({ ...run, trainer, recipe }, { ...context, output, signal: abort.signal });
  await expect(ended).rejects.toMatchObject({ name: 'AbortError' });
  const { step, state: saved } = await readState(path(''), 100);
  expect(step).toBeGreaterThanOrEqual(3);
  expect(step).toBeLessThanOrEqual(5);
  // Nothing is under way behind it.
  expect([steps, ...saved.parameters]).toEqual([step, step]);
  expect((await readFile(path('train.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(step);
  expect(notes.at(-1)).toMatch(new RegExp(`^stopped behind step ${step} of 100: .*--resume`));
});
