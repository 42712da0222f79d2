/**
 * A checkpoint in the Hugging Face layout, opened and checked, its tensors read on demand.
 *
 * ```
 * config.json                    the model's shape
 * generation_config.json         optional: tokens that end a text
 * tokenizer.json                 optional
 * tokenizer_config.json          optional: how conversations are written, or
 * chat_template.jinja            the same, as newer versions of transformers write it
 * model.safetensors              all tensors, or
 * model.safetensors.index.json   tensor → shard, with the shards beside it
 * ```
 *
 * With both, the single file is read, as transformers does. After opening, every tensor of the model is known to be
 * there with its shape and a float type, and nothing else is; only values remain to be checked when read.
 */

import { join } from 'node:path';

import type { ChatTemplate } from '../../protocol/image/chat-template.js';
import type { ModelConfig } from '../config.js';
import {
  folderNotFound,
  missingTensors,
  notAFolder,
  unknownTensors,
  weightsNotFound,
  wrongDtype,
  wrongShape,
} from './checkpoint-error.js';
import { readChatTemplate } from './chat-template.js';
import { isFloatDtype } from './dtype.js';
import { readOptionalFile, statOrUndefined, readSmallFile } from './files.js';
import { parseConfig } from './read-config.js';
import { SafetensorsFile } from './safetensors.js';
import type { TensorInfo } from './safetensors-header.js';
import { openShards } from './shards.js';
import { expectedTensors } from './tensor-names.js';
import type { TensorSource } from './tensor-source.js';
import { withoutPrefix, wrapperPrefix } from './wrapper-prefix.js';

const MAX_CONFIG_BYTES = 1 << 20;
const MAX_TOKENIZER_BYTES = 64 << 20;

/** An open checkpoint; `readFloat32` and `streamFloat32` of `tensor-source.ts` read its tensors. */
export interface Checkpoint extends TensorSource {
  readonly config: ModelConfig;
  /** `config.json` as it is in the folder. */
  readonly configJson: Uint8Array;
  /** `tokenizer.json` as it is in the folder, unchecked. */
  readonly tokenizerJson: Uint8Array | undefined;
  /** How conversations are written; undefined if the model was taught none. */
  readonly chat: ChatTemplate | undefined;
  /** What every tensor's name has in front of it in the files, and here no longer has: `_orig_mod.`; mostly nothing. */
  readonly droppedPrefix: string;
}

/**
 * Opens the checkpoint in `folder`. The caller closes it.
 *
 * @throws CheckpointError
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const stats = await statOrUndefined(folder);
  if (stats === undefined) throw folderNotFound(folder);
  if (!stats.isDirectory()) throw notAFolder(folder);

  const configPath = join(folder, 'config.json');
  const configJson = await readSmallFile(configPath, MAX_CONFIG_BYTES);
  const generation = await readOptionalFile(join(folder, 'generation_config.json'), MAX_CONFIG_BYTES);
  const config = parseConfig(configJson, configPath, generation);
  const tokenizer = await readOptionalFile(join(folder, 'tokenizer.json'), MAX_TOKENIZER_BYTES);
  const { chat, files: chatFiles } = await readChatTemplate(folder);
  const files = await openWeights(folder);
  const droppedPrefix = wrapperPrefix([...files.tensors.keys()]);
  const weights = withoutPrefix(files, droppedPrefix);
  try {
    assertTensorsMatch(weights.tensors, expectedTensors(config));
  } catch (error) {
    await weights.close();
    throw error;
  }
  return {
    config,
    configJson,
    tokenizerJson: tokenizer?.bytes,
    chat,
    droppedPrefix,
    tensors: weights.tensors,
    files: [configPath, ...[generation, tokenizer].flatMap((file) => file?.path ?? []), ...chatFiles, ...weights.files],
    readRaw: (name, byteOffset, into) => weights.readRaw(name, byteOffset, into),
    close: () => weights.close(),
  };
}

async function openWeights(folder: string): Promise<TensorSource> {
  const single = join(folder, 'model.safetensors');
  if (await statOrUndefined(single)) return SafetensorsFile.open(single);
  const index = join(folder, 'model.safetensors.index.json');
  if (await statOrUndefined(index)) return openShards(folder, index);
  throw weightsNotFound(folder);
}

/** Missing and unknown names first: with another model's files most tensors differ, and that says it best. */
function assertTensorsMatch(
  found: ReadonlyMap<string, TensorInfo>,
  expected: ReadonlyMap<string, readonly number[]>,
): void {
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  if (missing.length > 0) throw missingTensors(missing);
  const unknown = [...found.keys()].filter((name) => !expected.has(name));
  if (unknown.length > 0) throw unknownTensors(unknown);
  for (const [name, { dtype, shape }] of found) {
    const expectedShape = expected.get(name) ?? [];
    if (shape.join() !== expectedShape.join()) throw wrongShape(name, shape, expectedShape);
    if (!isFloatDtype(dtype)) throw wrongDtype(name, dtype);
  }
}
