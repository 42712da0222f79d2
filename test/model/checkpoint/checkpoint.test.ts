import { copyFile, mkdir, mkdtemp, open, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openCheckpoint } from '../../../model/checkpoint/checkpoint.js';
import type { CheckpointError } from '../../../model/checkpoint/checkpoint-error.js';
import { EMBEDDINGS, FINAL_NORM, HEAD, LOWER_BOUNDS } from '../../../model/checkpoint/tensor-names.js';
import { parseJsonObject } from '../../../model/json-object.js';
import { readFloat32 } from '../../../model/checkpoint/tensor-source.js';
import type { TensorSource } from '../../../model/checkpoint/tensor-source.js';
import { figureOfCases } from '../../helpers/counts.js';
import { rejectionOf } from '../../helpers/refusal.js';
import { makeTensors, TINY_CONFIG, writeCheckpoint, writeShards } from '../../helpers/synthetic-checkpoint.js';
import type { TestTensor } from '../../helpers/synthetic-checkpoint.js';

figureOfCases('checkpoints: files and shards as others write them, read or refused by name');

const GOLDEN = fileURLToPath(new URL('../../fixtures/golden-a', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mmfree-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function refusal(): Promise<CheckpointError> {
  const error = await rejectionOf(openCheckpoint(folder));
  for (const text of [error.reason, error.fix]) expect(text).toMatch(/^[A-Z].*\.$/s);
  return error;
}

/** All tensors of an open checkpoint as bytes; closes it. */
async function rawTensors(source: TensorSource): Promise<Map<string, Uint8Array>> {
  const tensors = new Map<string, Uint8Array>();
  for (const [name, { byteLength }] of source.tensors) {
    const bytes = new Uint8Array(byteLength);
    await source.readRaw(name, 0, bytes);
    tensors.set(name, bytes);
  }
  await source.close();
  return tensors;
}

/** The tiny checkpoint's tensors with some of them changed. */
function changedTensors(changes: Readonly<Record<string, Partial<TestTensor>>>): TestTensor[] {
  const tensors = makeTensors(TINY_CONFIG);
  for (const [index, tensor] of tensors.entries()) tensors[index] = { ...tensor, ...changes[tensor.name] };
  return tensors;
}

describe('golden-a, saved by PyTorch', () => {
  test('has the expected configuration, 50 tensors and no tokenizer', async () => {
    const checkpoint = await openCheckpoint(GOLDEN);
    expect(checkpoint.config).toEqual({
      vocabSize: 512,
      hiddenSize: 128,
      intermediateSize: 512,
      layers: 3,
      rmsNormEps: 1e-6,
      useLowerBound: true,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    expect(checkpoint.tensors.size).toBe(50);
    expect(checkpoint.tokenizerJson).toBeUndefined();
    await checkpoint.close();
  });

  test('gives the bytes that are in the file', async () => {
    const file = await readFile(join(GOLDEN, 'model.safetensors'));
    const checkpoint = await openCheckpoint(GOLDEN);
    const { fileOffset, byteLength } = checkpoint.tensors.get(LOWER_BOUNDS)!;
    // Found in the header by eye: "model.lower_bounds" has data_offsets [3688960, 3690496]; the header is 5056 long.
    expect({ fileOffset, byteLength }).toEqual({ fileOffset: 8 + 5056 + 3_688_960, byteLength: 1536 });
    const expected = Float32Array.from({ length: 384 }, (_, index) => file.readFloatLE(fileOffset + 4 * index));
    expect(await readFloat32(checkpoint, LOWER_BOUNDS)).toEqual(expected);
    await checkpoint.close();
  });

  test('cut into shards, in any order, is the same checkpoint', async () => {
    const single = await openCheckpoint(GOLDEN);
    const config = parseJsonObject(await readFile(join(GOLDEN, 'config.json')));
    const infos = new Map(single.tensors);
    const bytes = await rawTensors(single);
    const tensors = [...infos].map(([name, { dtype, shape }]) => ({ name, dtype, shape, bytes: bytes.get(name)! }));
    await writeShards(folder, config, {
      'model-00001-of-00002.safetensors': tensors.filter((_, index) => index % 3 !== 0).toReversed(),
      'model-00002-of-00002.safetensors': tensors.filter((_, index) => index % 3 === 0),
    });
    const sharded = await openCheckpoint(folder);
    expect(sharded.config).toEqual(single.config);
    const shardedBytes = await rawTensors(sharded);
    expect(new Set(shardedBytes.keys())).toEqual(new Set(bytes.keys()));
    // Not toEqual, which takes seconds for megabytes.
    const differing = [...bytes].filter(([name, expected]) => Buffer.compare(shardedBytes.get(name)!, expected) !== 0);
    expect(differing).toEqual([]);
  });
});

describe('openCheckpoint', () => {
  test('hands over tokenizer.json as it is', async () => {
    await writeCheckpoint(folder);
    await writeFile(join(folder, 'tokenizer.json'), 'any bytes');
    const checkpoint = await openCheckpoint(folder);
    expect(new TextDecoder().decode(checkpoint.tokenizerJson)).toBe('any bytes');
    await checkpoint.close();
  });

  test('reads tokens that end a text from both configurations', async () => {
    await writeCheckpoint(folder, { ...TINY_CONFIG, eos_token_id: 2 });
    await writeFile(join(folder, 'generation_config.json'), '{"eos_token_id": [2, 5], "temperature": Infinity}');
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.config).toMatchObject({ eosTokenId: 2, eosTokenIds: [2, 5] });
    await checkpoint.close();
  });

  test('reads through links, as in a Hugging Face cache', async () => {
    await writeCheckpoint(join(folder, 'blobs'));
    await mkdir(join(folder, 'snapshot'));
    for (const name of ['config.json', 'model.safetensors']) {
      await symlink(join('..', 'blobs', name), join(folder, 'snapshot', name));
    }
    const checkpoint = await openCheckpoint(join(folder, 'snapshot'));
    expect(await readFloat32(checkpoint, HEAD.norm)).toHaveLength(4);
    await checkpoint.close();
  });

  test('prefers the single file when there is an index too', async () => {
    await writeCheckpoint(folder);
    await writeFile(join(folder, 'model.safetensors.index.json'), 'not JSON');
    const checkpoint = await openCheckpoint(folder);
    expect(await readFloat32(checkpoint, HEAD.norm)).toHaveLength(4);
    await checkpoint.close();
  });

  test('accepts a mixture of F32, F16 and BF16', async () => {
    const bytes = new Uint8Array(8).fill(0x3c);
    const tensors = changedTensors({ [FINAL_NORM]: { dtype: 'F16', bytes }, [HEAD.norm]: { dtype: 'BF16', bytes } });
    await writeCheckpoint(folder, TINY_CONFIG, tensors);
    const checkpoint = await openCheckpoint(folder);
    expect(await readFloat32(checkpoint, FINAL_NORM)).toEqual(new Float32Array(4).fill(1.05859375));
    expect(await readFloat32(checkpoint, HEAD.norm)).toEqual(new Float32Array(4).fill(0.011474609375));
    await checkpoint.close();
  });

  test('names a weight that is not finite when it is read', async () => {
    const bytes = new Uint8Array(Float32Array.of(1, 2, Infinity, 4).buffer);
    await writeCheckpoint(folder, TINY_CONFIG, changedTensors({ [FINAL_NORM]: { bytes } }));
    const checkpoint = await openCheckpoint(folder);
    await expect(readFloat32(checkpoint, FINAL_NORM)).rejects.toMatchObject({
      code: 'checkpoint-not-finite',
      facts: { tensor: FINAL_NORM, index: 2 },
    });
    await checkpoint.close();
  });

  test('a folder that is not there or is a file is refused', async () => {
    await writeFile(join(folder, 'file'), '');
    for (const [name, message] of [
      ['nowhere', 'there is no checkpoint folder'],
      ['file', 'is a file, not a checkpoint folder'],
      ['file/below', 'there is no checkpoint folder'],
    ] as const) {
      const error = await rejectionOf(openCheckpoint(join(folder, name)));
      expect(error.code).toBe('checkpoint-not-found');
      expect(error.message).toContain(message);
    }
  });

  test.each([
    ['an empty folder', [], 'config.json does not exist'],
    ['a folder without weights', ['config.json'], 'holds no weights'],
    ['a folder without config.json', ['model.safetensors'], 'config.json does not exist'],
  ])('%s is refused', async (_title, files, message) => {
    for (const name of files) await copyFile(join(GOLDEN, name), join(folder, name));
    const error = await refusal();
    expect(error.code).toBe('checkpoint-not-found');
    expect(error.message).toContain(message);
  });

  test.each([
    ['config.json', 1 << 20],
    ['tokenizer.json', 64 << 20],
  ])('%s is refused, unread, above %d bytes', async (name, limit) => {
    await writeCheckpoint(folder);
    const handle = await open(join(folder, name), 'a');
    await handle.truncate(limit + 1);
    await handle.close();
    expect(await refusal()).toMatchObject({ code: 'checkpoint-file-too-large', facts: { limit_bytes: limit } });
  });

  test.each<[string, TestTensor[], Partial<CheckpointError>]>([
    [
      'a missing tensor',
      makeTensors(TINY_CONFIG).filter(({ name }) => name !== HEAD.norm),
      {
        code: 'checkpoint-missing-tensor',
        message: 'the checkpoint lacks 1 tensor, the first is "lm_head.norm.weight"',
      },
    ],
    [
      'an unknown tensor',
      [...makeTensors(TINY_CONFIG), { name: 'lm_head.bias', dtype: 'U8', shape: [1], bytes: new Uint8Array(1) }],
      { code: 'checkpoint-unknown-tensor', facts: { tensor: 'lm_head.bias', tensors: 1 } },
    ],
    [
      'a transposed tensor',
      changedTensors({ [EMBEDDINGS]: { shape: [4, 12] } }),
      { code: 'checkpoint-wrong-shape', facts: { tensor: EMBEDDINGS, found: '4x12', expected: '12x4' } },
    ],
    [
      'a tensor of packed weights',
      changedTensors({ [HEAD.weight]: { dtype: 'I32' } }),
      { code: 'checkpoint-wrong-dtype', facts: { tensor: HEAD.weight, dtype: 'I32' } },
    ],
  ])('refuses %s', async (_title, tensors, expected) => {
    await writeCheckpoint(folder, TINY_CONFIG, tensors);
    expect(await refusal()).toMatchObject(expected);
  });

  test.each<[string, object, string]>([
    ['more layers', { num_hidden_layers: 3 }, 'checkpoint-missing-tensor'],
    ['fewer layers', { num_hidden_layers: 1 }, 'checkpoint-unknown-tensor'],
    ['no lower bounds', { use_lower_bound: false }, 'checkpoint-unknown-tensor'],
    ['another width', { hidden_size: 5 }, 'checkpoint-wrong-shape'],
  ])('refuses weights whose config.json has %s', async (_title, change, code) => {
    await writeCheckpoint(folder, { ...TINY_CONFIG, ...change }, makeTensors(TINY_CONFIG));
    expect(await refusal()).toMatchObject({ code });
  });
});

/** As `git clone` leaves it where Git LFS is not installed. */
const LFS_POINTER = `version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345678
`;

describe('a pointer of Git LFS', () => {
  test.each(['config.json', 'generation_config.json', 'tokenizer.json', 'model.safetensors'])(
    'in place of %s is named',
    async (name) => {
      await writeCheckpoint(folder);
      await writeFile(join(folder, name), LFS_POINTER);
      const error = await refusal();
      expect(error).toMatchObject({ code: 'checkpoint-lfs-pointer', facts: { file: join(folder, name) } });
      expect(error.message).toContain(`${join(folder, name)} is a Git LFS pointer`);
      expect(error.fix).toContain('git lfs pull');
    },
  );

  test.each(['b.safetensors', 'model.safetensors.index.json'])('in place of %s is named', async (name) => {
    const [first, ...others] = makeTensors(TINY_CONFIG);
    await writeShards(folder, TINY_CONFIG, { 'a.safetensors': [first!], 'b.safetensors': others });
    await writeFile(join(folder, name), LFS_POINTER);
    expect(await refusal()).toMatchObject({ code: 'checkpoint-lfs-pointer', facts: { file: join(folder, name) } });
  });
});

describe('a prefix in front of every name', () => {
  const named = (prefix: string): TestTensor[] =>
    makeTensors(TINY_CONFIG).map((tensor) => ({ ...tensor, name: prefix + tensor.name }));

  test.each(['', '_orig_mod.', 'module.', 'module._orig_mod.', '_orig_mod.module.'])(
    '%j is dropped',
    async (prefix) => {
      await writeCheckpoint(folder, TINY_CONFIG, named(prefix));
      const single = await openCheckpoint(folder);
      expect(single.droppedPrefix).toBe(prefix);
      const expected = new Map(makeTensors(TINY_CONFIG).map(({ name, bytes }) => [name, bytes]));
      expect(await rawTensors(single)).toEqual(expected);
      await unlink(join(folder, 'model.safetensors'));
      const [first, ...others] = named(prefix);
      await writeShards(folder, TINY_CONFIG, { 'a.safetensors': [first!], 'b.safetensors': others });
      expect(await rawTensors(await openCheckpoint(folder))).toEqual(expected);
    },
  );

  test('stays where one tensor has none, or where it is of another kind', async () => {
    const [first, ...others] = makeTensors(TINY_CONFIG);
    await writeCheckpoint(folder, TINY_CONFIG, [first!, ...named('module.').slice(1)]);
    expect(await refusal()).toMatchObject({ code: 'checkpoint-missing-tensor', facts: { tensors: others.length } });
    await writeCheckpoint(folder, TINY_CONFIG, named('transformer.'));
    expect(await refusal()).toMatchObject({ code: 'checkpoint-missing-tensor' });
  });
});

test('five megabytes of text in the metadata of a safetensors file are read', async () => {
  await writeCheckpoint(folder);
  const path = join(folder, 'model.safetensors');
  const file = await readFile(path);
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const header = Buffer.from(
    `{"__metadata__":{"log":"${'step 1, loss 2\\n'.repeat(330_000)}"},${file.toString('utf8', 9, headerEnd)}`,
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const expected = await rawTensors(await openCheckpoint(folder));
  await writeFile(path, Buffer.concat([length, header, file.subarray(headerEnd)]));
  expect(header.length).toBeGreaterThan(5e6);
  expect(await rawTensors(await openCheckpoint(folder))).toEqual(expected);
});

describe('shards', () => {
  const tensors = makeTensors(TINY_CONFIG);
  const first = tensors.slice(0, 9);
  const second = tensors.slice(9);
  const map = Object.fromEntries(
    tensors.map(({ name }) => [name, first.some((t) => t.name === name) ? 'a.safetensors' : 'b.safetensors']),
  );

  async function write(weightMap: object): Promise<void> {
    await writeShards(folder, TINY_CONFIG, { 'a.safetensors': first, 'b.safetensors': second }, weightMap);
  }

  test('are read when the index agrees with them', async () => {
    await write(map);
    expect((await rawTensors(await openCheckpoint(folder))).get(HEAD.norm)).toEqual(
      tensors.find(({ name }) => name === HEAD.norm)!.bytes,
    );
  });

  test('a missing one is named', async () => {
    await write(map);
    await unlink(join(folder, 'b.safetensors'));
    expect(await refusal()).toMatchObject({
      code: 'checkpoint-not-found',
      message: `${join(folder, 'b.safetensors')} does not exist`,
    });
  });

  test.each<[string, object, string]>([
    [
      'lists a tensor in the wrong shard',
      { ...map, [HEAD.norm]: 'a.safetensors' },
      'into a.safetensors, but b.safetensors has it',
    ],
    [
      'lists a tensor no shard has',
      { ...map, extra: 'a.safetensors' },
      'It puts "extra" into a.safetensors, which lacks it.',
    ],
    ['leaves a tensor out', Object.fromEntries(Object.entries(map).slice(1)), 'nowhere, but a.safetensors has it'],
    ['points outside the folder', { ...map, x: '../secret.safetensors' }, 'not a plain .safetensors file name'],
    ['has an absolute path', { ...map, x: '/etc/x.safetensors' }, 'not a plain .safetensors file name'],
    ['has a path with backslashes', { ...map, x: '..\\x.safetensors' }, 'not a plain .safetensors file name'],
    ['names a hidden file', { ...map, x: '.x.safetensors' }, 'not a plain .safetensors file name'],
    ['names a pickle', { ...map, x: 'pytorch_model.bin' }, 'not a plain .safetensors file name'],
    ['holds a number', { ...map, x: 1 }, 'something else'],
    [
      'has more shards than can be open',
      Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`${i}x`, `${i}.safetensors`])),
      '257 shards',
    ],
    ['has no map', [], 'It has no object weight_map.'],
  ])('an index that %s is refused', async (_title, weightMap, reason) => {
    await write(weightMap);
    const error = await refusal();
    expect(error.code).toBe('checkpoint-bad-index');
    expect(error.reason).toContain(reason);
  });

  test.each(['', '[]', '{"weight_map":', '['.repeat(1_000_000)])(
    'an index that is no JSON object is refused',
    async (text) => {
      await write(map);
      await writeFile(join(folder, 'model.safetensors.index.json'), text);
      expect(await refusal()).toMatchObject({ code: 'checkpoint-bad-index', reason: 'It is not a JSON object.' });
    },
  );

  test('an index with a value nested deeper than the stack is refused', async () => {
    await write(map);
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    await writeFile(join(folder, 'model.safetensors.index.json'), `{"weight_map":{"x":${deep}}}`);
    expect(await refusal()).toMatchObject({ code: 'checkpoint-bad-index' });
  });
});
