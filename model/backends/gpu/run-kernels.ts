/** The kernels that a run has beside those of its steps: from logits to the next token's embedding. */
import { crcOfZeroWords } from './weights/crc-factors.js';
import type { GpuModel } from './gpu-model.js';
import { transcodeKernel } from './weights/gpu-weights.js';
import { fusedKernelsFit, subgroupOf } from './kernel-plan.js';
import { embedNext } from './kernels/embed.js';
import type { Group } from './kernels/reduce.js';
import { sample } from './kernels/sample.js';
import { surveyLogits } from './kernels/survey-logits.js';
import { singleKernels } from './single-pass.js';

const GROUP_SIZE = 256;

/** Results of a sequence that fit until the host takes them: steps of one submission at most. */
export const RESULT_SLOTS = 16;

export interface RunKernels {
  readonly survey: GPUComputePipeline;
  readonly sample: GPUComputePipeline;
  readonly embedNext: GPUComputePipeline;
}

/** @throws GpuError */
export async function runKernels(model: Pick<GpuModel, 'gpu' | 'plan' | 'shape'>): Promise<RunKernels> {
  const { gpu, shape } = model;
  const [sampleKernel, survey, embedKernel] = await Promise.all([
    gpu.kernel('sample', sample(shape, GROUP_SIZE, RESULT_SLOTS, crcOfZeroWords(shape.vocabSize))),
    gpu.kernel('survey logits', surveyLogits(shape, surveyGroup(model))),
    embedKernelOf(model),
  ]);
  return { survey, sample: sampleKernel, embedNext: embedKernel };
}

/** The embedding of the token in a control block. @throws GpuError */
export async function embedKernelOf({ gpu, shape }: Pick<GpuModel, 'gpu' | 'shape'>): Promise<GPUComputePipeline> {
  return await gpu.kernel('embed next', embedNext(shape, GROUP_SIZE));
}

export function surveyGroup({ gpu, plan }: Pick<GpuModel, 'gpu' | 'plan'>): Group {
  return { size: GROUP_SIZE, subgroup: subgroupOf(gpu, plan) };
}

/**
 * Begins to compile what loading a model and a run of one sequence need: first what is needed first, then what takes
 * the longest.
 *
 * @returns when the driver has it all and compiles in its threads
 */
export async function prepareKernels(model: Pick<GpuModel, 'gpu' | 'plan' | 'shape'>): Promise<void> {
  const { gpu, plan, shape } = model;
  const parts: Promise<unknown>[] = [transcodeKernel(gpu)];
  if (fusedKernelsFit(gpu, plan, shape)) parts.push(singleKernels(model));
  parts.push(runKernels(model));
  // What fails here fails again, and is reported, where it is needed.
  for (const part of parts) part.catch(() => {});
  await gpu.kernelsParsed();
}
