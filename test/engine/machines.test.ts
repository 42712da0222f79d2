/** That a machine is one file and one line of the table: every command that computes tokens takes it then. */
import { writeFile } from 'node:fs/promises';
import { beforeAll, expect, it } from 'vitest';

import { MACHINES, type MachineKind } from '../../engine/machines.js';
import { toyKind } from './toy-machine.js';

// The line. Tests of a file have the modules for themselves; options are made of the table when commands are loaded.
(MACHINES as MachineKind[]).push(toyKind('toy', { miscounts: false }), toyKind('miscounting', { miscounts: true }));
const { mmfree, mmfreeJson, temporaryFolder, writeTextCheckpoint } = await import('../helpers/command-line.js');

const path = temporaryFolder();
const image = (): [string, string] => ['--image', path('tiny.mmfree')];

beforeAll(async () => {
  await writeTextCheckpoint(path('tiny'));
  await mmfreeJson('pack', path('tiny'), '-o', path('tiny.mmfree'));
  await writeFile(path('text.txt'), 'the fox in the inner garden, the tiger in the other. '.repeat(10));
});

it('is named in the help of every command that takes it', async () => {
  for (const command of ['run', 'verify', 'eval', 'bench']) {
    expect((await mmfree(command, '--help')).stdout.text).toContain('toy');
  }
});

it('generates with run, and is compared by run --check', async () => {
  const run = (...options: string[]): ReturnType<typeof mmfreeJson> =>
    mmfreeJson('run', 'the fox', ...image(), '--max-tokens', '6', ...options);
  const [toy, reference] = [await run('--backend', 'toy', '--check'), await run('--backend', 'reference')];
  const tokens = ({ events }: typeof toy): unknown[] =>
    events.filter(({ type }) => type === 'token').map(({ id, receipt }) => [id, receipt]);
  expect([toy.exit, reference.exit]).toEqual([0, 0]);
  expect(toy.result['backend']).toBe('toy');
  expect(tokens(toy)).toEqual(tokens(reference));
  expect(tokens(toy)).not.toEqual([]);
});

it('is verified', async () => {
  const { exit, result } = await mmfreeJson('verify', '--backend', 'toy', ...image(), '--tokens', '10');
  expect(exit).toBe(0);
  expect(result).toMatchObject({ backend: 'toy', mismatches: 0 });
});

it('is found out by verify, run --check and bench if it computes something else', async () => {
  for (const command of [
    ['verify', '--backend', 'miscounting', '--tokens', '10'],
    ['run', 'the fox', '--backend', 'miscounting', '--check'],
    ['bench', 'miscounting', '--tokens', '8'],
  ]) {
    expect((await mmfree(...command, ...image())).exit, command.join(' ')).toBe(9);
  }
});

it('is scored by eval', async () => {
  const common = ['--text', path('text.txt'), '--context', '16', '--windows', '2', ...image()];
  const { exit, result } = await mmfreeJson('eval', '--backend', 'toy', ...common);
  expect(exit).toBe(0);
  expect(result).toMatchObject({ tokens: 32, windows: 2 });
  expect(result['perplexity']).toBeCloseTo(Math.exp(Number(result['loss'])), 9);
});

it('is timed by bench', async () => {
  const { exit, result } = await mmfreeJson('bench', 'toy', '--tokens', '8', ...image());
  expect(exit).toBe(0);
  expect(result).toMatchObject({ machine: 'toy', decode: [{ batch: 1 }] });
  expect(Number(result['prefill_tokens_per_second'])).toBeGreaterThan(0);
});
