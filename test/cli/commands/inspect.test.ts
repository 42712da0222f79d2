import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  mmfree,
  mmfreeJson,
  TALES,
  TALES_IMAGE,
  temporaryFolder,
  writeTextCheckpoint,
} from '../../helpers/command-line.js';

import { hasProgram } from '../../helpers/system.js';
import { tinyImage } from '../../helpers/tiny-image.js';

const path = temporaryFolder();

it('shows what the shipped image holds, after checking it', async () => {
  const { exit, result } = await mmfreeJson('inspect', TALES_IMAGE);
  expect(exit).toBe(0);
  expect(result).toMatchObject({
    name: 'tales-9m',
    revision: 0,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    signed_by: null,
    vocab_size: 4096,
    hidden_size: 256,
    intermediate_size: 768,
    layers: 8,
    ternary_weights: 7_864_320,
    self_test: { prompt: [0] },
  });
  expect(result['bits_per_ternary_weight']).toBeCloseTo(1.6167, 4);
});

it('names a pointer of Git LFS, which was "not a weight image"', async () => {
  await writeFile(
    path('pointer'),
    `version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 9\n`,
  );
  const { exit, stderr } = await mmfree('inspect', path('pointer'));
  expect([exit, ...stderr.lines]).toEqual([
    6,
    `error: cannot read the image ${path('pointer')}`,
    `cause: ${path('pointer')} is a Git LFS pointer, not the file itself.`,
    'fix:   Run `git lfs install` once, then `git lfs pull` in the folder of that file.',
  ]);
});

it('tells people the same', async () => {
  const { exit, stdout, stderr } = await mmfree('inspect', TALES_IMAGE);
  expect([exit, stderr.text]).toEqual([0, '']);
  expect(stdout.lines[2]).toBe('ternary       7,864,320 weights at 1.6167 bit, padding and alignment included');
  expect(stdout.lines.at(-1)).toBe('all hashes and weights are as they must be');
});

describe('the program of the gateware', () => {
  it('is shown as text that packs the same image again', async () => {
    const { exit, stdout } = await mmfree('inspect', TALES_IMAGE, '--program');
    expect([exit, stdout.lines.length]).toEqual([0, 31]);
    expect(stdout.lines[8]).toBe('        QUANT 0, 3, 4, H   wait 1 ;  8  4468  gGain');
    await writeFile(path('program.txt'), stdout.text);
    await mmfree('pack', TALES, '-o', path('again.mmfree'), '--program', path('program.txt'));
    expect((await readFile(path('again.mmfree'))).equals(await readFile(TALES_IMAGE))).toBe(true);
  });

  it('is shown to programs word by word', async () => {
    const { result } = await mmfreeJson('inspect', TALES_IMAGE, '--program');
    const program = result['program'] as unknown[];
    expect([program.length, result['program_words']]).toEqual([31, 31]);
    expect(program[1]).toEqual({ address: 1, word: '9000', text: 'at1:    TAP                wait 0 ;  1  9000' });
  });

  it('is missing in an older image, which can be inspected nevertheless', async () => {
    await writeFile(path('old.mmfree'), tinyImage(1, { program: [], tokenizer: new Uint8Array(0) }));
    const { exit, stdout } = await mmfree('inspect', path('old.mmfree'));
    expect(exit).toBe(0);
    expect(stdout.lines).toContain('program       none: for gateware, pack it again');
    const { exit: exitOfProgram, result } = await mmfreeJson('inspect', path('old.mmfree'), '--program');
    expect(exitOfProgram).toBe(6);
    expect(result['error']).toMatchObject({ code: 'image-no-program' });
  });
});

describe('a damaged image', () => {
  const image = tinyImage(1, { tokenizer: new Uint8Array(0) });
  let sections: Record<string, { offset: number; length: number }>;
  beforeAll(async () => {
    await writeFile(path('whole.mmfree'), image);
    await writeFile(path('text.mmfree'), 'Once upon a time');
    const { result } = await mmfreeJson('inspect', TALES_IMAGE);
    sections = result['sections'] as typeof sections;
  });

  it.each(['tables', 'vectors', 'embedding', 'ternary', 'tokenizer'])(
    'is refused, naming the part, for any byte of section %s',
    async (name) => {
      const { offset = 0, length = 0 } = sections[name] ?? {};
      const changed = new Uint8Array(await readFile(TALES_IMAGE));
      for (const at of [offset, offset + length - 1]) {
        await writeFile(path('changed.mmfree'), changed.with(at, (changed[at] ?? 0) ^ 1));
        const { exit, result } = await mmfreeJson('inspect', path('changed.mmfree'));
        expect(exit).toBe(6);
        expect(result['error']).toMatchObject({
          code: 'image-damaged',
          message: `the image is damaged in its ${name}`,
          facts: { part: name },
        });
      }
    },
  );

  it.each<[string, (bytes: Uint8Array) => Uint8Array, string, string]>([
    ['the last byte missing', (bytes) => bytes.subarray(0, -1), 'image-truncated', 'is cut short by 1 byte'],
    ['a byte behind its end', (bytes) => new Uint8Array([...bytes, 0]), 'image-inconsistent', 'is too long by 1 byte'],
    ['a changed boot record', (bytes) => bytes.with(40, 255), 'image-damaged', 'damaged in its boot record'],
    ['a changed seal', (bytes) => lastBitChanged(bytes), 'image-damaged', 'damaged in its head'],
    ['a later version', (bytes) => bytes.with(12, 0x32), 'image-unsupported-version', 'format mmfree/2'],
    ['nothing in it', () => new Uint8Array(0), 'not-an-image', 'not a weight image'],
  ])('with %s is refused', async (_title, change, code, message) => {
    await writeFile(path('changed.mmfree'), change(image));
    const { exit, result } = await mmfreeJson('inspect', path('changed.mmfree'));
    expect(exit).toBe(6);
    expect(result['error']).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('with a signature that is not of this image is refused', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(path('key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
    await writeTextCheckpoint(path('checkpoint'));
    await mmfree('pack', path('checkpoint'), '-o', path('signed.mmfree'), '--sign', path('key.pem'));
    const signed = new Uint8Array(await readFile(path('signed.mmfree')));
    await writeFile(path('changed.mmfree'), lastBitChanged(signed));
    const { exit, result } = await mmfreeJson('inspect', path('changed.mmfree'));
    expect(exit).toBe(15);
    expect(result['error']).toMatchObject({ code: 'image-bad-signature' });
  });

  it.each([
    ['text.mmfree', 'this is not a weight image'],
    ['nowhere.mmfree', 'cannot read the image'],
    ['.', 'cannot read the image'],
  ])('or no image at all (%s) is refused in three lines', async (name, message) => {
    const { exit, stdout, stderr } = await mmfree('inspect', path(name));
    expect([exit, stdout.text]).toEqual([6, '']);
    expect(stderr.lines).toEqual([
      expect.stringContaining(message),
      expect.stringMatching(/^cause: .+\.$/),
      expect.stringMatching(/^fix: {3}.+\.$/),
    ]);
  });
});

it.runIf(hasProgram('mkfifo'))('a pipe in place of an image is named as it is, with what helps', async () => {
  execFileSync('mkfifo', [path('pipe')]);
  const { exit, stderr } = await mmfree('inspect', path('pipe'));
  expect(exit).toBe(6);
  expect(stderr.lines.slice(1)).toEqual([
    `cause: ${path('pipe')} is a pipe, not a regular file.`,
    'fix:   Write it to a file first, and give the path of that.',
  ]);
});

function lastBitChanged(bytes: Uint8Array): Uint8Array {
  const last = bytes.length - 1;
  return bytes.with(last, bytes[last]! ^ 1);
}
