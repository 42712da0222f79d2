import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tunedPlan } from '../../../engine/gpu/tuned-plan.js';
import { gpuLost } from '../../../model/backends/gpu/device/gpu-error.js';
import type { GpuModel } from '../../../model/backends/gpu/gpu-model.js';
import { DEFAULT_PLAN, type KernelPlan } from '../../../model/backends/gpu/kernel-plan.js';
import type { PlanMeasurement } from '../../../model/backends/gpu/tuning.js';
import { temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();
let folders = 0;

const SHAPE_370M = {
  vocabSize: 32_000,
  hiddenSize: 1024,
  intermediateSize: 2816,
  layers: 24,
  bosTokenId: 1,
  eosTokenId: 2,
};

/** What is looked at of a model and its adapter before anything is measured. */
function modelOn(isFallbackAdapter: boolean, shape = SHAPE_370M): GpuModel {
  const adapterInfo = { vendor: 'v', architecture: 'a', device: 'd', description: '1.0', isFallbackAdapter };
  const gpu = { name: 'H100', features: { subgroup: 32, matrices: true, timestamps: true }, device: { adapterInfo } };
  return { gpu, shape } as unknown as GpuModel;
}

/** Notes of one call, and the plans that it measured. */
async function tune(
  model = modelOn(false),
  measured: (plan: KernelPlan) => Partial<PlanMeasurement> = () => ({}),
  signal = new AbortController().signal,
): Promise<{ readonly plan: KernelPlan; readonly notes: string[]; readonly plans: KernelPlan[] }> {
  const notes: string[] = [];
  const plans: KernelPlan[] = [];
  const options = { onNote: (text: string) => void notes.push(text), signal };
  const plan = await tunedPlan(model, options, (_, tried) => {
    plans.push(tried);
    return Promise.resolve({ receipts: [1], decodeSeconds: 0.001, prefillSeconds: 0.001, ...measured(tried) });
  });
  return { plan, notes, plans };
}

/** Measures as in a driver that is gone. */
const lose = (): Partial<PlanMeasurement> => {
  throw gpuLost('reset');
};

describe('tunedPlan', () => {
  beforeEach(() => {
    vi.stubEnv('XDG_CACHE_HOME', path(`cache-${folders++}`));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('measures once, says so, and remembers', async () => {
    const fastWithout = ({ matrices }: KernelPlan): Partial<PlanMeasurement> => ({ prefillSeconds: matrices ? 2 : 1 });
    const first = await tune(modelOn(false), fastWithout);
    expect(first.plan).toEqual({ ...DEFAULT_PLAN, matrices: false });
    expect(first.notes).toHaveLength(2);
    expect(first.notes[0]).toContain('measuring which kernels are the fastest for this model on H100, once');
    expect(first.notes[1]).toMatch(/no matrix units: 1000 tokens\/s, the fastest of \d+; kept in /);
    expect(await tune()).toEqual({ plan: first.plan, notes: [], plans: [] });
  });

  it('takes the default for small models and on software, without measuring', async () => {
    expect(await tune(modelOn(true))).toEqual({ plan: DEFAULT_PLAN, notes: [], plans: [] });
    const small = modelOn(false, { ...SHAPE_370M, hiddenSize: 64, intermediateSize: 64 });
    expect(await tune(small)).toEqual({ plan: DEFAULT_PLAN, notes: [], plans: [] });
  });

  it('reports what computes something else', async () => {
    const { plan, notes } = await tune(modelOn(false), ({ matrices }) => ({ receipts: [matrices ? 2 : 1] }));
    expect(plan.matrices).toBe(false);
    expect(notes.some((note) => note.startsWith('these kernels compute something else on H100'))).toBe(true);
  });

  it('does not try again what brought the driver down', async () => {
    await expect(tune(modelOn(false), lose)).rejects.toMatchObject({ code: 'gpu-lost' });
    expect(await tune()).toEqual({ plan: DEFAULT_PLAN, notes: [], plans: [] });
  });

  it('tries again what was only interrupted', async () => {
    await expect(tune(modelOn(false), undefined, AbortSignal.abort())).rejects.toThrow('aborted');
    expect((await tune()).plans.length).toBeGreaterThan(2);
  });

  it('goes on where nothing can be kept', async () => {
    await writeFile(path('file'), '');
    vi.stubEnv('XDG_CACHE_HOME', path('file'));
    const { plan, notes } = await tune();
    expect(plan).toEqual(DEFAULT_PLAN);
    expect(notes.filter((note) => note.startsWith('cannot keep what is measured: '))).toHaveLength(1);
  });
});
