/** Recipes of the gateware, with tools that do nothing but make their outputs. */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { make, type RecipeStep } from '../../../../firmware-host/virtual/simulated-chips/tools.js';
import { temporaryFolder } from '../../../helpers/command-line.js';
import { hasProgram } from '../../../helpers/system.js';

const path = temporaryFolder();

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Of a recipe of the iCEBreaker: what is told of its steps. */
async function stepsOf(build: string): Promise<RecipeStep[]> {
  const steps: RecipeStep[] = [];
  await make({
    work: 'the synthesis',
    tools: ['yosys', 'nextpnr-ice40', 'icepack'],
    folder: 'boards/icebreaker',
    words: [`BUILD=${build}`],
    onStep: (step) => steps.push(step),
  });
  return steps;
}

it.skipIf(!hasProgram('make'))('tells of each tool that starts, and of none that need not', async () => {
  mkdirSync(path('bin'));
  for (const [tool, output] of [
    ['yosys', 'json'],
    ['nextpnr-ice40', 'asc'],
    ['icepack', 'bin'],
  ]) {
    writeFileSync(path(`bin/${tool}`), `#!/bin/sh\necho ${tool} works\ntouch ${path('build')}/icebreaker.${output}\n`);
    chmodSync(path(`bin/${tool}`), 0o755);
  }
  vi.stubEnv('PATH', `${path('bin')}${delimiter}${process.env['PATH']}`);
  expect(await stepsOf(path('build'))).toEqual([
    { tool: 'yosys', number: 1, total: 3 },
    { tool: 'nextpnr-ice40', number: 2, total: 3 },
    { tool: 'icepack', number: 3, total: 3 },
  ]);
  expect(readFileSync(path('build/icebreaker.bin'), 'utf8')).toBe('');
  expect(await stepsOf(path('build'))).toEqual([]);
});

it.skipIf(!hasProgram('make'))('ends all that its tools have started before it says that it was ended', async () => {
  mkdirSync(path('slow'));
  // As a driver and its compiler: make knows the first one only.
  const compiler = `trap 'echo told > ${path('told')}; exit' TERM; echo on > ${path('on')}; for i in $(seq 100); do sleep 0.1; done`;
  writeFileSync(path('compiler.sh'), compiler);
  for (const tool of ['yosys', 'nextpnr-ice40', 'icepack']) {
    writeFileSync(path(`slow/${tool}`), `#!/bin/sh\nsh ${path('compiler.sh')} &\nwait\n`);
    chmodSync(path(`slow/${tool}`), 0o755);
  }
  vi.stubEnv('PATH', `${path('slow')}${delimiter}${process.env['PATH']}`);
  const ending = new AbortController();
  const work = make({
    work: 'the synthesis',
    tools: ['yosys'],
    folder: 'boards/icebreaker',
    words: [`BUILD=${path('never')}`],
    signal: ending.signal,
  });
  const failure = work.catch((error: unknown) => error);
  await vi.waitUntil(() => existsSync(path('on')), { timeout: 20_000 });
  ending.abort();
  expect(await failure).toMatchObject({ name: 'AbortError' });
  expect(existsSync(path('told'))).toBe(true);
});
