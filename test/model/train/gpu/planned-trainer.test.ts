/** Which plan a trainer takes: what trainers and measurements do is tested beside it. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { GpuDevice } from '../../../../model/backends/gpu/device/gpu-device.js';
import { KeptPlan } from '../../../../model/train/gpu/matrix/kept-plan.js';
import type { ProductPlan } from '../../../../model/train/gpu/matrix/plan-products.js';
import { productKey } from '../../../../model/train/gpu/matrix/products.js';
import { TILES } from '../../../../model/train/gpu/matrix/tiles.js';
import { createPlannedTrainer } from '../../../../model/train/gpu/planned-trainer.js';
import { productShapes } from '../../../../model/train/gpu/product-shapes.js';
import type { Trainer } from '../../../../model/train/gpu/trainer.js';
import { temporaryFolder } from '../../../helpers/command-line.js';
import { toy } from '../../../helpers/training.js';

const path = temporaryFolder();
let folders = 0;

const { config, sequences, length } = toy([64, 64, 1, 64], [1, 64]);
const batch = { sequences, length };
const PRODUCTS = productShapes(config, batch);
const KEYS = PRODUCTS.map(productKey);
const planOf = (keys: readonly string[], tile = TILES[0]): ProductPlan => ({
  tileOf: (product) => (keys.includes(productKey(product)) ? tile : undefined),
  onMatrixUnits: keys,
});

/** What is looked at of a device. */
function deviceWith(units: boolean): GpuDevice {
  return {
    device: { adapterInfo: { vendor: 'v', architecture: 'a', device: 'd', description: '1' } },
    features: { matrices: units, halves: units },
    limits: { maxComputeWorkgroupStorageSize: 49_152 },
    matricesWork: () => Promise.resolve(units),
  } as unknown as GpuDevice;
}

/** Plans that are tried, and what was done beside, in order. @param agrees whether a plan passes its trial */
async function create(
  agrees: (onMatrixUnits: readonly string[]) => boolean = () => true,
  { wanted, units = true }: { readonly wanted?: readonly string[]; readonly units?: boolean } = {},
) {
  const done: string[] = [];
  const details: string[] = [];
  const trainer = { free: () => done.push('free') } as unknown as Trainer;
  const ways = {
    measuredPlan: (...[, , , keys]: readonly unknown[]) => {
      done.push('measure');
      return Promise.resolve(planOf((keys as string[] | undefined) ?? (units ? KEYS : [])));
    },
    createCheckedTrainer: (
      ...[, , , { onMatrixUnits }]: readonly [unknown, unknown, unknown, ProductPlan, unknown]
    ) => {
      done.push(`try ${onMatrixUnits.length}`);
      if (agrees(onMatrixUnits)) return Promise.resolve({ trainer, onMatrixUnits });
      const report = { loss: 1, gradientNorm: 1 };
      return Promise.resolve({ trainer, onMatrixUnits: [], disagreement: [report, report] as const });
    },
    createTrainer: () => {
      done.push('create');
      return Promise.resolve(trainer);
    },
  };
  const windows = { ids: new Uint32Array(), targets: new Int32Array() };
  const options = { batch, targets: 1, decayed: 'all' } as const;
  const beginning = {
    start: () => {},
    windows,
    ...(wanted && { wanted }),
    onDetail: (text: string) => void details.push(text),
  };
  const { onMatrixUnits } = await createPlannedTrainer(deviceWith(units), config, options, beginning, ways);
  return { done, onMatrixUnits, details };
}

const kept = (): KeptPlan => new KeptPlan(deviceWith(true), PRODUCTS);

describe('a trainer by plan', () => {
  beforeEach(() => {
    vi.stubEnv('XDG_CACHE_HOME', path(`cache-${folders++}`));
    return () => vi.unstubAllEnvs();
  });

  it('measures once, and tries each time what was found', async () => {
    const first = await create();
    expect(first.done).toEqual(['measure', `try ${KEYS.length}`]);
    expect(first.details.at(-1)).toMatch(/^kernels are ready after \d+\.\d s: products were measured; kept in /);
    const second = await create();
    expect([second.done, second.onMatrixUnits]).toEqual([[`try ${KEYS.length}`], KEYS]);
    expect(second.details.at(-1)).toContain(`products go as ${kept().path} says`);
  });

  it('measures anew where the plan that was kept is wrong', async () => {
    await kept().write(planOf(KEYS.slice(1)));
    const { done, onMatrixUnits } = await create((keys) => keys.length === KEYS.length);
    expect(done).toEqual([`try ${KEYS.length - 1}`, 'free', 'measure', `try ${KEYS.length}`]);
    expect(onMatrixUnits).toEqual(KEYS);
    expect(kept().read()?.onMatrixUnits).toEqual(KEYS);
  });

  it('keeps nothing that failed its trial, or with which the driver went', async () => {
    await create(() => false);
    expect(existsSync(kept().path)).toBe(false);
    await kept().write(planOf(KEYS));
    const lose = (): boolean => {
      throw new Error('lost');
    };
    await expect(create(lose)).rejects.toThrow('lost');
    expect(existsSync(kept().path)).toBe(false);
  });

  it('goes on as a run began: by the plan as far as that goes, and else by a measurement', async () => {
    await kept().write(planOf(KEYS.slice(1)));
    const known = await create(undefined, { wanted: KEYS.slice(2) });
    expect([known.done, known.onMatrixUnits]).toEqual([[`try ${KEYS.length - 2}`], KEYS.slice(2)]);
    const unknown = await create(undefined, { wanted: KEYS });
    expect([unknown.done, unknown.onMatrixUnits]).toEqual([['measure', 'create'], KEYS]);
    expect((await create(undefined, { wanted: [] })).onMatrixUnits).toEqual([]);
  });

  it('keeps nothing where there is nothing to be measured, and goes on where nothing can be kept', async () => {
    expect((await create(undefined, { units: false })).done).toEqual(['measure', 'try 0']);
    await writeFile(path('file'), '');
    vi.stubEnv('XDG_CACHE_HOME', path('file'));
    const { done, details } = await create();
    expect([done, details.at(-1)]).toEqual([
      ['measure', `try ${KEYS.length}`],
      expect.stringContaining('cannot be kept: '),
    ]);
  });
});
