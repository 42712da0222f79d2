/** The kernels on this thread of Node, for an image whose sections are in memory. */
import type { ModelSections } from '../../../../protocol/image/model-shape.js';
import { CpuError } from '../cpu-error.js';
import { CpuModel } from '../cpu-model.js';
import type { KernelModules } from '../kernels.js';
import { moduleBytes } from './module-bytes.js';
import { kernelsOfNode } from './node-compiler.js';

let kernels: KernelModules | undefined;

/** Undefined where the kernels do not run, or the model is too large for them. */
export function cpuModelOf(sections: ModelSections): CpuModel | undefined {
  try {
    kernels ??= kernelsOfNode();
    return new CpuModel(sections.shape, { ...kernels, transcoder: moduleBytes('transcode') }, (name, offset, into) =>
      into.set(sections[name].subarray(offset, offset + into.length)),
    );
  } catch (error) {
    if (error instanceof CpuError) return undefined;
    throw error;
  }
}
