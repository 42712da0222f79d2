import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_PLAN } from '../../../../model/backends/gpu/kernel-plan.js';
import { PlanCache } from '../../../../model/backends/gpu/plan-cache.js';
import { temporaryFolder } from '../../../helpers/command-line.js';

const path = temporaryFolder();
const shape = { vocabSize: 4096, hiddenSize: 256, intermediateSize: 768, layers: 8, bosTokenId: 0, eosTokenId: 1 };
const KEY = { adapter: 'nvidia | hopper | H100 | 580.1', shape, version: '1.0.0' };
const PLAN = { ...DEFAULT_PLAN, size: 128, matrices: false };
const cacheOf = (change: Partial<typeof KEY> = {}): PlanCache =>
  new PlanCache({ ...KEY, ...change }, { XDG_CACHE_HOME: path('cache') });

describe('PlanCache', () => {
  beforeEach(async () => {
    await cacheOf().forget();
  });

  it('gives back what was kept, and nothing before and after', async () => {
    expect(cacheOf().read()).toBeUndefined();
    await cacheOf().write(PLAN);
    expect(cacheOf().read()).toEqual(PLAN);
    expect(await readdir(dirname(cacheOf().path))).toHaveLength(1);
    await cacheOf().forget();
    expect(cacheOf().read()).toBeUndefined();
  });

  it.each([
    ['adapter', { adapter: 'nvidia | hopper | H100 | 580.2' }],
    ['shape', { shape: { ...shape, layers: 9 } }],
    ['program', { version: '1.0.1' }],
  ])('is another one for another %s', async (_, change) => {
    await cacheOf().write(PLAN);
    expect(cacheOf(change).read()).toBeUndefined();
    // Also where the name of the file is the same.
    await writeFile(cacheOf(change).path, await readFile(cacheOf().path));
    expect(cacheOf(change).read()).toBeUndefined();
    await cacheOf(change).forget();
  });

  it('ignores whatever is no plan', async () => {
    await cacheOf().write(PLAN);
    const { key } = JSON.parse(await readFile(cacheOf().path, 'utf8')) as { key: string };
    const plans: unknown[] = [
      undefined,
      null,
      [],
      'fast',
      {},
      { ...PLAN, size: 7 },
      { ...PLAN, size: '128' },
      { ...PLAN, workgroups: 1e9 },
      { ...PLAN, size: 0 },
      { ...PLAN, subgroups: 1 },
      { ...PLAN, matrices: undefined },
    ];
    const texts = [
      '',
      '{',
      'null',
      '[]',
      '"x"',
      'x'.repeat(1e5),
      '\u0000',
      ...plans.map((plan) => JSON.stringify({ key, value: plan })),
    ];
    for (const text of texts) {
      await writeFile(cacheOf().path, text);
      expect([text, cacheOf().read()]).toEqual([text, undefined]);
    }
    await writeFile(cacheOf().path, JSON.stringify({ key, value: { ...PLAN, future: 1 } }));
    expect(cacheOf().read()).toEqual(PLAN);
  });

  it('lies where the specification of base directories says', () => {
    const place = (env: Record<string, string>): string => dirname(new PlanCache(KEY, env).path);
    expect(place({ HOME: '/home/me' })).toBe('/home/me/.cache/mmfree');
    expect(place({ HOME: '/home/me', XDG_CACHE_HOME: '' })).toBe('/home/me/.cache/mmfree');
    expect(place({ HOME: '/home/me', XDG_CACHE_HOME: 'relative' })).toBe('/home/me/.cache/mmfree');
    expect(place({ HOME: '/home/me', XDG_CACHE_HOME: '/c' })).toBe('/c/mmfree');
  });

  it('says when it cannot keep anything', async () => {
    await mkdir(path('file'), { recursive: true });
    await writeFile(join(path('file'), 'mmfree'), '');
    const cache = new PlanCache(KEY, { XDG_CACHE_HOME: path('file') });
    await expect(cache.write(PLAN)).rejects.toThrow('EEXIST');
    expect(cache.read()).toBeUndefined();
  });
});
