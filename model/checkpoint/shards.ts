/**
 * A checkpoint cut into several safetensors files, listed in `model.safetensors.index.json`:
 *
 * ```
 * { "metadata": { … }, "weight_map": { "lm_head.weight": "model-00001-of-00003.safetensors", … } }
 * ```
 *
 * The list and the shards must agree exactly. File names come from the list, so only plain names are accepted.
 */

import { join } from 'node:path';

import { quoted } from '../quoted.js';
import { badIndex } from './checkpoint-error.js';
import { readSmallFile } from './files.js';
import { isJsonObject, parsePythonObject } from '../json-object.js';
import { SafetensorsFile } from './safetensors.js';
import { tensorInfo } from './tensor-source.js';
import type { TensorSource } from './tensor-source.js';

/** The largest supported model has 3,845 tensors, 0.4 MB in the list. */
const MAX_INDEX_BYTES = 1 << 20;
/** Each open shard takes a file descriptor, of which a process usually has 1,024. */
const MAX_SHARDS = 256;
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\.safetensors$/;

/**
 * Opens all shards listed in the file at `indexPath`, which lie in `folder`.
 *
 * @throws CheckpointError `checkpoint-bad-index`, `checkpoint-not-found` for a missing shard, or as `SafetensorsFile`
 */
export async function openShards(folder: string, indexPath: string): Promise<TensorSource> {
  const weightMap = parseWeightMap(await readSmallFile(indexPath, MAX_INDEX_BYTES), indexPath);
  const files: SafetensorsFile[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    const homes = new Map<string, SafetensorsFile>();
    for (const shard of new Set(weightMap.values())) {
      const file = await SafetensorsFile.open(join(folder, shard));
      files.push(file);
      for (const name of file.tensors.keys()) {
        const listed = weightMap.get(name);
        if (listed !== shard)
          throw badIndex(indexPath, `It puts ${quoted(name)} ${place(listed)}, but ${shard} has it`);
        homes.set(name, file);
      }
    }
    for (const [name, shard] of weightMap) {
      if (!homes.has(name)) throw badIndex(indexPath, `It puts ${quoted(name)} into ${shard}, which lacks it`);
    }
    return shardedSource(homes, [indexPath, ...files.flatMap((file) => file.files)], close);
  } catch (error) {
    await close();
    throw error;
  }
}

function shardedSource(
  homes: ReadonlyMap<string, SafetensorsFile>,
  files: readonly string[],
  close: () => Promise<void>,
): TensorSource {
  const tensors = new Map([...homes].map(([name, file]) => [name, tensorInfo(file, name)]));
  return {
    tensors,
    files,
    close,
    async readRaw(name, byteOffset, into) {
      const file = homes.get(name);
      if (file === undefined) throw new RangeError(`there is no tensor ${name}`);
      await file.readRaw(name, byteOffset, into);
    },
  };
}

function parseWeightMap(bytes: Uint8Array, indexPath: string): Map<string, string> {
  let weightMap: unknown;
  try {
    weightMap = parsePythonObject(bytes)['weight_map'];
  } catch (error) {
    throw badIndex(indexPath, 'It is not a JSON object', error);
  }
  if (!isJsonObject(weightMap)) throw badIndex(indexPath, 'It has no object weight_map');
  const result = new Map<string, string>();
  for (const [name, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string' || !PLAIN_NAME.test(shard)) {
      const target = typeof shard === 'string' ? quoted(shard) : 'something else';
      throw badIndex(indexPath, `It puts ${quoted(name)} into ${target}, which is not a plain .safetensors file name`);
    }
    result.set(name, shard);
  }
  const shards = new Set(result.values()).size;
  if (shards > MAX_SHARDS) throw badIndex(indexPath, `It lists ${shards} shards; at most ${MAX_SHARDS} are opened`);
  return result;
}

function place(shard: string | undefined): string {
  return shard === undefined ? 'nowhere' : `into ${shard}`;
}
