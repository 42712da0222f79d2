/** Memory of a process that loads a model again and again, and of one that computes for long. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { packageFile } from '../../../../model/package-file.js';
import { count, figure } from '../../../helpers/counts.js';
import { TALES_IMAGE } from '../../../helpers/command-line.js';

const LOADS = count(10, 200);
const TOKENS = count(1500, 100_000);
/** What was kept of ten loads would be more: each needs six megabytes, and its thread ten. */
const MOST_OF_LOADS = 30e6;
/** What was kept of each token would be more, in the long run from a hundred bytes on. */
const MOST_OF_TOKENS = 10e6;

interface Grown {
  readonly cycles_host_bytes_grown: number;
  readonly tokens_host_bytes_grown: number;
}

it(`grows with neither ${LOADS} loads nor ${TOKENS} tokens`, async () => {
  const what = ['--image', TALES_IMAGE, '--threads', '1', '--cycles', String(LOADS), '--tokens', String(TOKENS)];
  const program = ['--expose-gc', packageFile('dist/cli/main.js'), 'bench', 'cpu', '--json', ...what];
  const { stdout } = await promisify(execFile)(process.execPath, program);
  const found = JSON.parse(stdout.trim().split('\n').at(-1)!) as Grown;
  const { cycles_host_bytes_grown: ofLoads, tokens_host_bytes_grown: ofTokens } = found;
  expect(ofLoads).toBeLessThan(MOST_OF_LOADS);
  expect(ofTokens).toBeLessThan(MOST_OF_TOKENS);
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  figure(
    'processor: growth of the process (tales-9m, 1 thread)',
    `${megabytes(ofLoads)} in ${LOADS} loads, ${megabytes(ofTokens)} in ${TOKENS} tokens`,
  );
});
