import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { expect, it } from 'vitest';
import type { CpuSetting } from '../../../../../model/backends/cpu/cpu-messages.js';
import { SettingCache } from '../../../../../model/backends/cpu/node/setting-cache.js';
import { VERSION } from '../../../../../protocol/version.js';
import { temporaryFolder } from '../../../../helpers/command-line.js';

const path = temporaryFolder();
const shape = { vocabSize: 4096, hiddenSize: 256, intermediateSize: 768, layers: 8, bosTokenId: 0, eosTokenId: 1 };
const SETTING: CpuSetting = { family: 'baseline', threads: 2 };
const cacheOf = (threads = 3, layers = 8): SettingCache =>
  new SettingCache({ ...shape, layers }, threads, { XDG_CACHE_HOME: path('cache') });

it('gives back what was kept, for as many threads at most and the same shape', async () => {
  expect(cacheOf().read()).toBeUndefined();
  await cacheOf().write(SETTING);
  expect(cacheOf().read()).toEqual(SETTING);
  expect(cacheOf(4).read()).toBeUndefined();
  expect(cacheOf(3, 9).read()).toBeUndefined();
});

it('belongs to this processor, this engine and this program', async () => {
  await cacheOf().write(SETTING);
  const { key } = JSON.parse(await readFile(cacheOf().path, 'utf8')) as { key: string };
  const computer = [VERSION, process.arch, cpus()[0]?.model ?? null, process.versions.v8, 3];
  expect((JSON.parse(key) as unknown[]).slice(0, computer.length)).toEqual(computer);
});

it.each([
  ['another family', { ...SETTING, family: 'relaxed64' }],
  ['more threads than are allowed', { ...SETTING, threads: 4 }],
  ['no thread', { ...SETTING, threads: 0 }],
  ['half a thread', { ...SETTING, threads: 1.5 }],
  ['a list', ['baseline', 2]],
  ['nothing', null],
])('ignores %s', async (_, value) => {
  await cacheOf().write(SETTING);
  const { key } = JSON.parse(await readFile(cacheOf().path, 'utf8')) as { key: string };
  await writeFile(cacheOf().path, JSON.stringify({ key, value }));
  expect(cacheOf().read()).toBeUndefined();
});
