/**
 * Kernels and number of threads that were found the fastest, for a processor, a version of Node and a shape: the next
 * run begins with them.
 */
import { availableParallelism, cpus } from 'node:os';
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { VERSION } from '../../../../protocol/version.js';
import { KeptMeasurement } from '../../../kept-measurement.js';
import type { CpuSetting } from '../cpu-messages.js';
import { FAMILIES } from '../kernels.js';

export class SettingCache extends KeptMeasurement<CpuSetting> {
  /** @param threads at most @param env of the process */
  constructor(
    { vocabSize, hiddenSize, intermediateSize, layers }: ModelShape,
    threads: number = availableParallelism(),
    env?: Readonly<Record<string, string | undefined>>,
  ) {
    const computer = [process.arch, cpus()[0]?.model, process.versions.v8, threads];
    const shape = [vocabSize, hiddenSize, intermediateSize, layers];
    super('cpu-setting', [VERSION, ...computer, ...shape], (fields) => parseSetting(fields, threads), env);
  }
}

/** Whether a family computes right here, the first thread finds out, which must anyway. */
function parseSetting(fields: Readonly<Record<string, unknown>>, most: number): CpuSetting | undefined {
  const family = FAMILIES.find((name) => name === fields['family']);
  const { threads } = fields;
  if (family === undefined || typeof threads !== 'number' || !Number.isInteger(threads)) return undefined;
  return threads >= 1 && threads <= most ? { family, threads } : undefined;
}
