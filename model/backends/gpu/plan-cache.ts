/**
 * Plans that were found the fastest, in the user's cache folder: what was measured once for an adapter, its driver and a shape is not measured
 * again. Node only; a browser would keep them elsewhere.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { cacheFolder } from '../../cache-folder.js';
import { DEFAULT_PLAN, PLAN_SIZES, PLAN_WORKGROUPS, type KernelPlan } from './kernel-plan.js';

/** What a plan is good for. */
export interface PlanKey {
  /** Everything that an adapter says of itself, the driver's version included. */
  readonly adapter: string;
  readonly shape: ModelShape;
  /** Of this program: kernels change. */
  readonly version: string;
}

/** The adapter of a device, in words that change with its driver. */
export function adapterIdentity(device: GPUDevice): string {
  const { vendor, architecture, device: model, description } = device.adapterInfo;
  return [vendor, architecture, model, description].join(' | ');
}

const MOST_BYTES = 4096;

export class PlanCache {
  readonly path: string;
  readonly #key: string;

  /** @param env of the process */
  constructor(key: PlanKey, env: Readonly<Record<string, string | undefined>> = process.env) {
    const { vocabSize, hiddenSize, intermediateSize, layers } = key.shape;
    this.#key = JSON.stringify([key.version, key.adapter, vocabSize, hiddenSize, intermediateSize, layers]);
    const name = createHash('sha256').update(this.#key).digest('hex').slice(0, 16);
    this.path = join(cacheFolder(env), `gpu-plan-${name}.json`);
  }

  /** The plan that was kept; undefined if there is none, or what is there is none. */
  async read(): Promise<KernelPlan | undefined> {
    try {
      const text = await readFile(this.path, 'utf8');
      return text.length <= MOST_BYTES ? parsePlan(JSON.parse(text), this.#key) : undefined;
    } catch {
      // Missing, unreadable or no JSON: it is measured again, and written again.
      return undefined;
    }
  }

  /** Keeps a plan; whoever reads meanwhile finds a whole file. @throws the system's error */
  async write(plan: KernelPlan): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    const temporary = `${this.path}.${process.pid}`;
    await writeFile(temporary, `${JSON.stringify({ key: this.#key, plan })}\n`);
    await rename(temporary, this.path);
  }

  async forget(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

function parsePlan(value: unknown, key: string): KernelPlan | undefined {
  if (typeof value !== 'object' || value === null || !('key' in value && 'plan' in value)) return undefined;
  if (value.key !== key || typeof value.plan !== 'object' || value.plan === null) return undefined;
  const { subgroups, size, workgroups, matrices } = value.plan as Readonly<Record<string, unknown>>;
  if (typeof subgroups !== 'boolean' || typeof matrices !== 'boolean') return undefined;
  // Only what the kernels are right for, whatever a file says.
  if (!isOneOf(size, PLAN_SIZES) || !isOneOf(workgroups, PLAN_WORKGROUPS)) return undefined;
  return { ...DEFAULT_PLAN, subgroups, size, workgroups, matrices };
}

function isOneOf(value: unknown, allowed: readonly number[]): value is number {
  return typeof value === 'number' && allowed.includes(value);
}
