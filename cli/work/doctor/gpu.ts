/** `mmfree doctor`: the GPU, what it offers, and what it lacks for the published models. */
import type { AdapterFacts } from '../../../model/backends/gpu/device/open-adapter.js';
import { whyNoGpu } from '../../../model/backends/gpu/device/gpu-presence.js';
import { parseConfig } from '../../../model/checkpoint/read-config.js';
import { MmfreeError } from '../../../protocol/errors.js';
import { describeProblem } from '../../advice/describe-problem.js';
import type { Finding } from './finding.js';
import { PUBLISHED_SHAPES } from '../bench/synthetic-checkpoint.js';

/** That there is no GPU is no fault, and one that does not work only a warning: everything runs without. */
export async function examineGpu(): Promise<readonly Finding[]> {
  const why = whyNoGpu();
  // Nothing is loaded then, so that WebGPU does not write warnings of its own between the lines.
  if (why !== undefined) return [{ state: 'ok', text: `none: ${why}; models run on the processor` }];
  try {
    const { examineAdapter } = await import('../../../model/backends/gpu/device/adapter.js');
    const facts = await examineAdapter();
    const { largestBinding } = await import('../../../model/backends/gpu/weights/gpu-weights.js');
    return [describeAdapter(facts, largestBinding)];
  } catch (error) {
    if (!(error instanceof MmfreeError)) throw error;
    return [
      { state: 'warn', text: `${error.message}: ${error.reason}`, fix: describeProblem(error).fix, cause: error },
    ];
  }
}

/** @param largestBinding bytes of the largest part of a model */
export function describeAdapter(
  facts: AdapterFacts,
  largestBinding: (shape: ReturnType<typeof parseConfig>) => number,
): Finding {
  const { name, isFallback, subgroup, matrices, timestamps } = facts;
  const text = [
    `${name}${isFallback ? ' (software: used only with --backend gpu)' : ''}`,
    subgroup > 0 ? `subgroups of ${subgroup}` : 'no subgroups (slower)',
    matrices ? 'matrix units' : 'no matrix units (slower prompts)',
    timestamps ? 'timestamps' : 'no timestamps (bench gpu shows no kernels)',
    `buffers to ${mebibytes(facts.maxBufferSize)}, bound to ${mebibytes(facts.maxStorageBufferBindingSize)}`,
    `${facts.maxComputeWorkgroupStorageSize / 1024} KiB a workgroup`,
  ].join(', ');
  const offered = Math.min(facts.maxBufferSize, facts.maxStorageBufferBindingSize);
  const tooLarge = Object.entries(PUBLISHED_SHAPES).filter(([, shape]) => largestBinding(shapeOf(shape)) > offered);
  if (tooLarge.length === 0) return { state: 'ok', text: `${text}; holds every part of the published models` };
  const names = tooLarge.map(([size]) => size).join(', ');
  return {
    state: 'warn',
    text: `${text}; too small for a part of ${names}`,
    fix: 'Use a newer driver or another GPU for these models, or --backend cpu.',
    cause: undefined,
  };
}

function shapeOf(published: object): ReturnType<typeof parseConfig> {
  const config = JSON.stringify({ model_type: 'hgrn_bit', ...published });
  return parseConfig(new TextEncoder().encode(config), 'config.json');
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20).toLocaleString('en-US')} MiB`;
}
