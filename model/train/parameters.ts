/** All tensors of a checkpoint in memory, by their names. */
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { readFloat32 } from '../checkpoint/tensor-source.js';

/** Row-major, by the names of the checkpoint. */
export type Tensors = ReadonlyMap<string, Float32Array>;

/** @throws CheckpointError */
export async function readParameters(checkpoint: Checkpoint): Promise<Tensors> {
  const tensors = new Map<string, Float32Array>();
  for (const name of checkpoint.tensors.keys()) tensors.set(name, await readFloat32(checkpoint, name));
  return tensors;
}
