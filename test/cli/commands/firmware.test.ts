/** `mmfree firmware build` where the compiler is not what it should be; test/firmware/ builds with the real one. */

import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, expect, it, vi } from 'vitest';
import { mmfreeJson, temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();

afterEach(() => {
  vi.unstubAllEnvs();
});

it('says how to get the compiler where there is none', async () => {
  mkdirSync(path('empty'));
  vi.stubEnv('PATH', path('empty'));
  const { exit, result } = await mmfreeJson('firmware', 'build', '-o', path('none.bin'));
  expect([exit, result['error']]).toEqual([
    19,
    expect.objectContaining({
      code: 'firmware-tool-missing',
      message: 'arm-none-eabi-gcc, arm-none-eabi-objcopy are not installed',
      fix: expect.stringContaining('apt-get install gcc-arm-none-eabi'),
    }),
  ]);
});

it('shows what the compiler says where it fails, and writes nothing', async () => {
  mkdirSync(path('bin'));
  for (const tool of ['gcc', 'objcopy']) {
    writeFileSync(path(`bin/arm-none-eabi-${tool}`), '#!/bin/sh\necho "error: no Cortex here" >&2\nexit 3\n');
    chmodSync(path(`bin/arm-none-eabi-${tool}`), 0o755);
  }
  mkdirSync(path('out'));
  vi.stubEnv('PATH', `${path('bin')}:${process.env['PATH']}`);
  const { exit, result } = await mmfreeJson('firmware', 'build', 'rp2350', '-o', path('out/rp2350.bin'));
  expect([exit, result['error']]).toEqual([
    19,
    expect.objectContaining({
      code: 'firmware-tool-failed',
      cause: expect.stringContaining('error: no Cortex here'),
    }),
  ]);
  expect(readdirSync(path('out'))).toEqual([]);
});
