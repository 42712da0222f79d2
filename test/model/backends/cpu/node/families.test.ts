import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { familiesOfNode } from '../../../../../model/backends/cpu/node/families.js';
import { inRoot } from '../../../../helpers/command-line.js';

const right = (): boolean => true;
const wrong = (): boolean => false;

it.each([
  ['11.3.244.8', right, true, ['relaxed16', 'baseline']],
  ['11.3.244.8', wrong, true, ['baseline']],
  ['12.4.254.21', right, true, ['relaxed16', 'relaxed32', 'baseline']],
  ['13.6.233.17', wrong, false, ['relaxed32', 'baseline']],
  ['13.6.233.17', right, true, ['wide16', 'wide32', 'relaxed16', 'relaxed32', 'baseline']],
] as const)(
  'of V8 %s, with the product right or wrong, built to widen: %s: $3',
  (v8, isDotRight, canWiden, families) => {
    expect(familiesOfNode(v8, isDotRight, canWiden)).toEqual(families);
  },
);

// V8 of Node 20 to 24 multiplies wrongly there (findings/relaxed-dot-without-avx.sh).
it.runIf(process.arch === 'x64')('gives the same bits on a processor without AVX', () => {
  const verify = [inRoot('dist/cli/main.js'), 'verify', '--backend', 'cpu', '--tokens', '10'];
  const { status, stderr, stdout } = spawnSync(process.execPath, ['--no-enable-avx', ...verify], { encoding: 'utf8' });
  expect({ status, stderr, stdout }).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('bit-exact') as string,
  });
});
