/**
 * Packing against the plain re-implementation of docs/ARITHMETIC.md section 9, and what a packer owes its user: the
 * same bytes every time, a whole file or none.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../model/checkpoint/checkpoint.js';
import { ImageFile } from '../../../model/image-file.js';
import { IntegerModel } from '../../../model/integer/integer-model.js';
import { readModelWeights } from '../../../model/integer/model-weights.js';
import { packCheckpoint, type PackOptions } from '../../../model/pack/pack.js';
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import { writeCheckpoint, type TestTensor } from '../../helpers/synthetic-checkpoint.js';
import { packPlainly } from '../../oracle/plain-pack.js';
import { randomCheckpoint, tensorShapes } from '../../oracle/random-checkpoint.js';

const SHAPE: ModelShape = {
  vocabSize: 53,
  hiddenSize: 33,
  intermediateSize: 47,
  layers: 2,
  bosTokenId: 1,
  eosTokenId: 2,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mmfree-pack-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function configOf(shape: ModelShape): object {
  return {
    model_type: 'hgrn_bit',
    vocab_size: shape.vocabSize,
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.layers,
  };
}

/** The upper 16 bits of a float32: a value that BF16 holds exactly. */
function toBf16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
  return new Float32Array(Uint32Array.of(bits & 0xffff_0000).buffer)[0] ?? 0;
}

type Values = ReadonlyMap<string, Float32Array>;

async function writeValues(name: string, shape: ModelShape, values: Values, dtype: 'F32' | 'BF16'): Promise<string> {
  const tensors = [...tensorShapes(shape)].map(([tensor, dimensions]): TestTensor => {
    const floats = values.get(tensor) ?? new Float32Array(0);
    const bits = new Uint32Array(Float32Array.from(floats).buffer);
    const bytes = new Uint8Array(dtype === 'F32' ? bits.buffer : Uint16Array.from(bits, (word) => word >>> 16).buffer);
    return { name: tensor, dtype, shape: dimensions, bytes };
  });
  const path = join(folder, name);
  await writeCheckpoint(path, configOf(shape), tensors);
  return path;
}

async function pack(checkpointFolder: string, image: string, options?: PackOptions): Promise<ImageFile> {
  const checkpoint = await openCheckpoint(checkpointFolder);
  try {
    await packCheckpoint(checkpoint, join(folder, image), options);
  } finally {
    await checkpoint.close();
  }
  return ImageFile.openChecked(join(folder, image));
}

describe('packCheckpoint', () => {
  it.each([
    ['F32', SHAPE, (value: number) => value],
    ['BF16', SHAPE, toBf16],
    ['F32', { ...SHAPE, vocabSize: 5, hiddenSize: 5, intermediateSize: 10, layers: 1 }, (value: number) => value],
    ['BF16', { ...SHAPE, vocabSize: 3, hiddenSize: 1, intermediateSize: 1, layers: 3 }, toBf16],
    ['F32', { ...SHAPE, hiddenSize: 300, intermediateSize: 611, layers: 1 }, (value: number) => value],
  ] as const)('makes of %s and %j the integers that the document says', async (dtype, shape, change) => {
    const values = randomCheckpoint(7, shape, (_name, _index, value) => change(value));
    const name = `${dtype}-${shape.hiddenSize}`;
    const image = await pack(await writeValues(name, shape, values, dtype), `${name}.mmfree`);
    const expected = packPlainly(shape, values, true);
    for (const section of ['tables', 'vectors', 'embedding', 'ternary'] as const) {
      expect(Buffer.compare(image.section(section), expected[section]), section).toBe(0);
    }
    image.close();
  });

  it('is deterministic, signed or not', async () => {
    const checkpoint = await writeValues('twice', SHAPE, randomCheckpoint(8, SHAPE), 'F32');
    const { privateKey } = generateKeyPairSync('ed25519');
    for (const options of [{}, { privateKey, name: 'näme' }]) {
      (await pack(checkpoint, 'one.mmfree', options)).close();
      (await pack(checkpoint, 'two.mmfree', options)).close();
      const [one, two] = await Promise.all(['one', 'two'].map((name) => readFile(join(folder, `${name}.mmfree`))));
      expect(one).toEqual(two);
    }
  });

  it('signs so that the image names the key, and a changed signature is refused', async () => {
    const checkpoint = await writeValues('signed', SHAPE, randomCheckpoint(9, SHAPE), 'F32');
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const image = await pack(checkpoint, 'signed.mmfree', { privateKey });
    const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    expect(image.view.seal.signature?.publicKey).toEqual(new Uint8Array(raw));
    image.close();
    const { open } = await import('node:fs/promises');
    const file = await open(join(folder, 'signed.mmfree'), 'r+');
    const { size } = await file.stat();
    await file.write(Uint8Array.of(0x55), 0, 1, size - 40 - 60);
    await file.close();
    expect(() => ImageFile.openChecked(join(folder, 'signed.mmfree'))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/image-(bad-signature|inconsistent|hostile-cbor)/) }),
    );
  });

  it('records a self-test that the model repeats, in memory and streamed from the file', async () => {
    const checkpoint = await writeValues('self-test', SHAPE, randomCheckpoint(10, SHAPE), 'F32');
    const image = await pack(checkpoint, 'self-test.mmfree');
    const { prompt, tokens, receipts } = image.view.manifest.selfTest;
    expect(prompt).toEqual(Uint32Array.of(SHAPE.bosTokenId));
    for (const weights of [image.residentWeights(), image.streamedWeights()]) {
      const model = new IntegerModel(readModelWeights(weights));
      const repeated = [...prompt, ...tokens.slice(0, -1)].map((token) => {
        model.step(token);
        return model.receipt();
      });
      expect(repeated).toEqual(Array.from(receipts));
    }
    image.close();
  });

  it('leaves nothing behind when it is aborted', async () => {
    const checkpoint = await writeValues('aborted', SHAPE, randomCheckpoint(11, SHAPE), 'F32');
    await expect(pack(checkpoint, 'aborted.mmfree', { signal: AbortSignal.abort() })).rejects.toThrow(/aborted/);
    expect((await readdir(folder)).filter((name) => name.startsWith('aborted.'))).toEqual([]);
  });

  it('names the tensor and the element that is not finite', async () => {
    const values = randomCheckpoint(12, SHAPE, (name, index, value) =>
      name === 'model.layers.1.mlp.down_proj.weight' && index === 40 ? Infinity : value,
    );
    for (const dtype of ['F32', 'BF16'] as const) {
      const checkpoint = await writeValues(`infinite-${dtype}`, SHAPE, values, dtype);
      await expect(pack(checkpoint, 'infinite.mmfree')).rejects.toMatchObject({
        code: 'checkpoint-not-finite',
        facts: { tensor: 'model.layers.1.mlp.down_proj.weight', index: 40 },
      });
    }
  });
});
