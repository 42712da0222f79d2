/** Advice on what computes here, and on machines that should compute the same. */
import type { EngineErrorCode } from '../../engine/engine-error.js';
import type { MismatchCode } from '../../engine/mismatch-error.js';
import type { CpuErrorCode } from '../../model/backends/cpu/cpu-error.js';
import type { GpuErrorCode } from '../../model/backends/gpu/device/gpu-error.js';
import { also, always, type Advice } from './table.js';

const USE_CPU = 'compute on the processor with `--backend cpu`.';
const cpu = also('`--backend cpu` computes on the processor.');

const backends = also('`--backend gpu` computes on a GPU, `--backend reference` with the reference.');

export const MACHINES: Readonly<Record<CpuErrorCode | EngineErrorCode | GpuErrorCode | MismatchCode, Advice>> = {
  'image-file-missing': always('Name the file that was flashed with --image.'),
  'no-tokenizer': always(
    'Give and get token ids with --ids and without --stop, or pack the checkpoint with its tokenizer.json.',
  ),
  'machine-without-states': null,
  'cpu-too-large': backends,
  'cpu-unsupported': backends,
  'cpu-failed': backends,
  'gpu-package': cpu,
  'gpu-not-found': always(
    `Install the driver and, on Linux, the Vulkan loader (Debian: \`apt install libvulkan1\`); \`mmfree doctor\` shows what is found. Or ${USE_CPU}`,
  ),
  'gpu-too-small': always(`Use a GPU that offers more (\`mmfree doctor\` shows it). Or ${USE_CPU}`),
  'gpu-out-of-memory': cpu,
  'gpu-lost': cpu,
  'gpu-failed': always(
    `This is a mistake in mmfree or in the driver: report it with the output of \`mmfree doctor\`. Or ${USE_CPU}`,
  ),
  'mismatch-receipt': always(
    'Compare that layer with the vectors of `mmfree vectors`; on a computer, run the tests and suspect the machine.',
  ),
  'mismatch-sampler': always(
    'Compare its sampler with docs/ARITHMETIC.md, section 8, and with sampler.jsonl of `mmfree vectors`.',
  ),
  'mismatch-golden': always(
    'Judge a trained checkpoint by its loss (`mmfree eval --checkpoint`), or allow more with --tolerance.',
  ),
  'mismatch-gradients': always(
    'Export the gradients again in float32 with this checkpoint and these tokens, or allow more with --tolerance.',
  ),
};
