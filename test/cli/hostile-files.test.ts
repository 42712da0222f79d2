/**
 * Files made to break the program, through its commands: each is refused with exit code 6, quickly.
 *
 * test/protocol/ tries every bit of an image in memory; here the bytes come from a file, as a user's do.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mmfree, mmfreeJson, TALES_IMAGE, temporaryFolder, writeTextCheckpoint } from '../helpers/command-line.js';
import { count } from '../helpers/counts.js';
import { writeCheckpoint } from '../helpers/synthetic-checkpoint.js';
import { tinyImage } from '../helpers/tiny-image.js';

const path = temporaryFolder();
const MANIFEST_OFFSET = 272;
/** From one place that is tried to the next: all of them in the long run. */
const STEP = count(17, 1);

/** The exit code of `inspect` or, for odd `index`, `run`. */
async function exitOf(index: number, image: string): Promise<number> {
  const command = index % 2 === 0 ? ['inspect', image] : ['run', '--image', image, '--ids', '--max-tokens', '1'];
  return (await mmfree(...command)).exit;
}

describe('an image', () => {
  const image = tinyImage(1, { tokenizer: new Uint8Array(0) });
  let descriptor: number;
  beforeAll(async () => {
    await writeFile(path('image'), image);
    descriptor = openSync(path('image'), 'r+');
  });
  afterAll(() => closeSync(descriptor));

  it('is accepted by both commands as it is', async () => {
    expect([await exitOf(0, path('image')), await exitOf(1, path('image'))]).toEqual([0, 0]);
  });

  it('is refused with any byte of its first 4,096 changed', async () => {
    for (let at = 0; at < 4096; at += STEP) {
      const byte = image[at] ?? 0;
      // Each of the eight bits in turn.
      writeSync(descriptor, Uint8Array.of(byte ^ (1 << (at % 8))), 0, 1, at);
      expect([at, await exitOf(at >> 3, path('image'))]).toEqual([at, 6]);
      writeSync(descriptor, Uint8Array.of(byte), 0, 1, at);
    }
  });

  it('is refused when it ends early, anywhere', async () => {
    const lengths = Array.from({ length: image.length }, (_, length) => length).filter(
      (length) => (length <= 4096 && length % STEP === 0) || length % 4096 === 0 || length === image.length - 1,
    );
    for (const length of lengths.toReversed()) {
      ftruncateSync(descriptor, length);
      expect([length, await exitOf(length, path('image'))]).toEqual([length, 6]);
    }
    ftruncateSync(descriptor, 0);
    writeSync(descriptor, image);
  });

  it('is refused when it ends early at any 128 KiB of the shipped one', async () => {
    const bytes = await readFile(TALES_IMAGE);
    await writeFile(path('cut'), bytes);
    for (let length = bytes.length - 1; length > 0; length -= 131_072) {
      await truncate(path('cut'), length);
      expect((await mmfreeJson('inspect', path('cut'))).result['error']).toMatchObject({
        code: 'image-truncated',
        facts: { missing_bytes: bytes.length - length },
      });
    }
  });

  it.each([
    ['112 million items that are not there', '9a06b49d20'],
    ['a text of 2^63 bytes', '7b7fffffffffffffff'],
    ['lists in lists, as deep as a manifest is long', '81'.repeat(65_536)],
    ['maps in maps', 'a100'.repeat(32_768)],
    ['tags on tags', 'c1'.repeat(65_536)],
    ['a list without an end', '9f'],
    ['a regular expression', 'd81b826a7265676578705e28612b292b24'],
    ['a stop', 'ff'],
  ])('is refused, before it is decoded, with a manifest of %s', async (_title, hex) => {
    const bomb = Buffer.from(hex, 'hex');
    const bytes = new Uint8Array(Math.max(image.length, MANIFEST_OFFSET + bomb.length));
    bytes.set(image);
    bytes.set(bomb, MANIFEST_OFFSET);
    await writeFile(path('bomb'), bytes.subarray(0, image.length));
    const { exit, result } = await mmfreeJson('inspect', path('bomb'));
    expect(exit).toBe(6);
    expect(result['error']).toMatchObject({ code: 'image-hostile-cbor' });
  });

  it('of four gigabytes of nothing is refused', async () => {
    await writeFile(path('sparse'), image.subarray(0, 16));
    await truncate(path('sparse'), 2 ** 32 - 1);
    expect((await mmfree('inspect', path('sparse'))).exit).toBe(6);
  });

  it.each([
    ['deeper than any stack', '['.repeat(1_000_000), 'tokenizer-malformed'],
    ['no JSON', '\u0000', 'tokenizer-malformed'],
    ['an object with nothing in it', '{}', 'tokenizer-malformed'],
  ])('with a tokenizer that is %s is refused', async (_title, json, code) => {
    await writeFile(path('tokenizer'), tinyImage(1, { tokenizer: new TextEncoder().encode(json) }));
    for (const command of [
      ['inspect', path('tokenizer')],
      ['run', '--image', path('tokenizer'), 'x'],
    ]) {
      const { exit, result } = await mmfreeJson(...command);
      expect(exit).toBe(6);
      expect(result['error']).toMatchObject({ code });
    }
  });
});

describe('a checkpoint', () => {
  beforeEach(async () => {
    await rm(path('checkpoint'), { recursive: true, force: true });
    await writeCheckpoint(path('checkpoint'));
  });

  const packed = (): ReturnType<typeof mmfreeJson> => mmfreeJson('pack', path('checkpoint'), '-o', path('packed'));
  const config = (changes: object): Promise<void> =>
    writeFile(path('checkpoint/config.json'), JSON.stringify({ model_type: 'hgrn_bit', ...changes }));
  const weights = path.bind(undefined, 'checkpoint/model.safetensors');
  const headerOf = (length: bigint, json: string): Uint8Array =>
    new Uint8Array(
      Buffer.concat([new BigUint64Array([length]), Buffer.from(json)].map((part) => Buffer.from(part.buffer))),
    );

  it.each<[string, () => Promise<unknown> | void, string]>([
    ['a header of 2^64 − 1 bytes', () => writeFile(weights(), headerOf(2n ** 64n - 1n, '{}')), 'checkpoint-bad-header'],
    [
      'a header of lists in lists',
      () => writeFile(weights(), headerOf(4_000_000n, `{"a":${'['.repeat(3_999_995)}`)),
      'checkpoint-bad-header',
    ],
    [
      'a tensor of 2^53 elements',
      () => {
        const json = '{"a":{"dtype":"F32","shape":[9007199254740991],"data_offsets":[0,4]}}    ';
        return writeFile(weights(), headerOf(BigInt(json.length), json));
      },
      'checkpoint-bad-header',
    ],
    ['weights of a terabyte of nothing', () => truncate(weights(), 2 ** 40), 'checkpoint-bad-header'],
    [
      'a configuration of two gigabytes',
      () => truncate(path('checkpoint/config.json'), 2 ** 31),
      'checkpoint-file-too-large',
    ],
    [
      'a configuration deeper than any stack',
      () => writeFile(path('checkpoint/config.json'), '['.repeat(1_000_000)),
      'checkpoint-bad-config',
    ],
    ['a model beyond all limits', () => config({ vocab_size: 2 ** 31 }), 'checkpoint-bad-config'],
    ['a model of a size that is none', () => config({ hidden_size: 1e308 }), 'checkpoint-bad-config'],
    [
      'a pipe for weights, on which reading would wait forever',
      async () => {
        await rm(weights());
        execFileSync('mkfifo', [weights()]);
      },
      'checkpoint-unreadable',
    ],
    [
      'a shard outside of its folder',
      async () => {
        await rm(weights());
        const index = { weight_map: { 'lm_head.weight': '../../etc/passwd' } };
        await writeFile(path('checkpoint/model.safetensors.index.json'), JSON.stringify(index));
      },
      'checkpoint-bad-index',
    ],
    [
      'a tokenizer of a gigabyte',
      async () => {
        await writeFile(path('checkpoint/tokenizer.json'), '');
        await truncate(path('checkpoint/tokenizer.json'), 2 ** 30);
      },
      'checkpoint-file-too-large',
    ],
    [
      'a tokenizer deeper than any stack',
      () => writeFile(path('checkpoint/tokenizer.json'), '['.repeat(1_000_000)),
      'tokenizer-malformed',
    ],
    ['an empty tokenizer', () => writeFile(path('checkpoint/tokenizer.json'), ''), 'tokenizer-missing'],
    [
      'a folder for its configuration',
      () => rm(path('checkpoint/config.json')).then(() => mkdir(path('checkpoint/config.json'))),
      'checkpoint-unreadable',
    ],
  ])('with %s is refused', async (_title, change, code) => {
    await change();
    const { exit, result } = await packed();
    expect(exit).toBe(6);
    expect(result['error']).toMatchObject({ code });
  });

  it('that ends early, at any byte of its weights, is refused', async () => {
    const { length } = await readFile(weights());
    for (let cut = 1; cut < length; cut += cut < 64 ? 1 : 97) {
      await truncate(weights(), length - cut);
      const { exit, result } = await packed();
      expect([cut, exit]).toEqual([cut, 6]);
      expect(result['error']).toMatchObject({ code: 'checkpoint-truncated' });
    }
  });

  it('with a name that would speak to the terminal is quoted without it', async () => {
    await writeTextCheckpoint(path('escape'), (tensors) => {
      tensors[0] = { ...tensors[0]!, name: 'a\u001b]0;title\u0007' };
    });
    const { exit, stderr } = await mmfree('pack', path('escape'), '-o', path('packed'));
    expect(exit).toBe(6);
    expect(stderr.text).toMatch(/^[\n\x20-\x7e]+$/);
  });
});
