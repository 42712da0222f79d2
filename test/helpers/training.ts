/** Models in training, for tests: small ones with tokens, and the integers that kernels round to. */
import { openGpu } from '../../model/backends/gpu/device/adapter.js';
import { encodeDispatches } from '../../model/backends/gpu/device/dispatch.js';
import type { GpuDevice } from '../../model/backends/gpu/device/gpu-device.js';
import type { ModelConfig } from '../../model/config.js';
import { Trainer, type TrainerOptions } from '../../model/train/gpu/trainer.js';
import { Prng } from '../oracle/prng.js';
import { randomCheckpoint } from '../oracle/random-checkpoint.js';
import type { TwinIntegers } from '../oracle/training/twin.js';

export interface Toy {
  readonly config: ModelConfig;
  readonly parameters: ReadonlyMap<string, Float32Array>;
  readonly sequences: number;
  readonly length: number;
  /** [sequences][length] */
  readonly ids: readonly number[];
}

export function toy(
  [hiddenSize, intermediateSize, layers, vocabSize]: readonly [number, number, number, number],
  [sequences, length]: readonly [number, number],
): Toy {
  const config = {
    hiddenSize,
    intermediateSize,
    layers,
    vocabSize,
    rmsNormEps: 1e-6,
    useLowerBound: true,
    bosTokenId: 1,
    eosTokenId: 2,
  };
  const random = new Prng(7);
  const ids = Array.from({ length: sequences * length }, () => random.between(0, vocabSize - 1));
  return { config, parameters: randomCheckpoint(5, config), sequences, length, ids };
}

/** Targets inside the sequences, as `verify` asks: the next token, and none after the last. */
export function insideTargets(ids: readonly number[], length: number): Int32Array {
  return Int32Array.from(ids, (_, n) => (n % length === length - 1 ? -1 : ids[n + 1]!));
}

/** On a device of its own, or another one. */
export async function trainerOf(
  { config, parameters, sequences, length }: Toy,
  { on, ...options }: Partial<TrainerOptions> & { readonly on?: GpuDevice } = {},
): Promise<{ readonly gpu: GpuDevice; readonly trainer: Trainer }> {
  const gpu = on ?? (await openGpu());
  const trainer = await Trainer.create(gpu, config, {
    batch: { sequences, length },
    targets: sequences * (length - 1),
    decayed: 'all',
    ...options,
  });
  trainer.load(parameters);
  return { gpu, trainer };
}

/** The names of BitLinears in the order in which a forward pass quantises their inputs. */
function bitLinears(layers: number): string[] {
  const block = (l: number): string[] =>
    ['attn.i_proj', 'attn.f_proj', 'attn.g_proj', 'attn.o_proj', 'mlp.gate_proj', 'mlp.down_proj'].map(
      (name) => `model.layers.${l}.${name}.weight`,
    );
  return [...Array.from({ length: layers }, (_, l) => block(l)).flat(), 'lm_head.weight'];
}

/** Runs the micro-batch that was given last once more, kernel by kernel, and reads what each BitLinear rounded to. */
export async function integersOf(
  gpu: GpuDevice,
  trainer: Trainer,
  { config, sequences, length }: Toy,
): Promise<(weight: string) => TwinIntegers> {
  const { quantised, trits } = trainer.buffers;
  const names = bitLinears(config.layers);
  const activations = new Map<string, Int8Array>();
  for (const dispatch of trainer.microBatchKernels.dispatches) {
    const commands = gpu.device.createCommandEncoder();
    const pass = commands.beginComputePass();
    encodeDispatches(pass, [dispatch], 0);
    pass.end();
    gpu.submit(commands);
    const name = names[activations.size];
    if (dispatch.label !== 'quantise' || name === undefined) continue;
    const columns = name.includes('down_proj') ? config.intermediateSize : config.hiddenSize;
    activations.set(name, new Int8Array(await gpu.copied(quantised, sequences * length * columns)));
  }
  const allTrits = new Int8Array(await gpu.copied(trits, trits.size));
  return (name) => {
    const { offset, length: count } = trainer.layout.places.get(name)!;
    return { activations: activations.get(name)!, trits: allTrits.subarray(offset, offset + count) };
  };
}
