import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  COMMANDS,
  compiledJson,
  mmfree,
  mmfreeJson,
  TALES,
  TALES_IMAGE,
  temporaryFolder,
  writeTextCheckpoint,
} from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { changed, MISTRAL_STYLE_IDS, mistralStyleTokenizer } from '../../helpers/tokenizers.js';
import { writeCheckpoint } from '../../helpers/synthetic-checkpoint.js';

const path = temporaryFolder();
const ed25519 = generateKeyPairSync('ed25519');
beforeAll(async () => {
  await writeTextCheckpoint(path('tiny'));
  await writeCheckpoint(path('ids-only'));
  await writeTextCheckpoint(path('text'));
  const pkcs8 = { format: 'pem', type: 'pkcs8' } as const;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(path('key.pem'), ed25519.privateKey.export(pkcs8));
  await writeFile(path('halt.txt'), 'HALT\n');
  await writeFile(path('public.pem'), ed25519.publicKey.export({ format: 'pem', type: 'spki' }));
  await writeFile(
    path('locked.pem'),
    ed25519.privateKey.export({ ...pkcs8, cipher: 'aes-128-cbc', passphrase: 'secret' }),
  );
  await writeFile(path('rsa.pem'), rsa.privateKey.export(pkcs8));
});

/** Names that begin like `name` in the folder of the tests: what a run left there. */
async function leftBehind(name: string): Promise<string[]> {
  return (await readdir(dirname(path(name)))).filter((entry) => entry.startsWith(name));
}

it('makes the shipped image of the shipped checkpoint, byte for byte', async () => {
  const { exit, result } = await mmfreeJson('pack', TALES, '-o', path('tales.mmfree'));
  expect(exit).toBe(0);
  const image = await readFile(path('tales.mmfree'));
  expect(image.equals(await readFile(TALES_IMAGE))).toBe(true);
  expect(result).toMatchObject({
    file_sha256: createHash('sha256').update(image).digest('hex'),
    file_bytes: image.length,
    signed_by: null,
  });
  expect(result['bits_per_ternary_weight']).toBeLessThan(1.62);
});

it('says on stdout what it made, and that what it read comes back as text', async () => {
  const { exit, stdout, stderr } = await mmfree('pack', path('text'), '-o', path('said.mmfree'), '--name', 'Tiny');
  expect([exit, stderr.text]).toEqual([0, '']);
  expect(stdout.lines[0]).toBe(`${path('text')} → ${path('said.mmfree')}`);
  expect(stdout.lines.slice(1).map((line) => line.slice(0, 14).trimEnd())).toEqual([
    'name',
    'shape',
    'ternary',
    'file',
    'checkpoint',
    'tokenizer',
    'program',
    'sealed',
    'signature',
    'file sha256',
    'self-test',
    'time',
  ]);
  expect(stdout.lines[1]).toBe('name          Tiny, revision 0');
  expect(stdout.lines[2]).toBe('shape         2 layers, hidden 4, intermediate 6, vocabulary 320');
  expect(stdout.lines[11]).toMatch(/^self-test {5}(\d+ ){16} ".+"$/);
});

it('reports its progress from nothing to every byte of the checkpoint', async () => {
  const { events, result } = await mmfreeJson('pack', path('tiny'), '-o', path('progress.mmfree'));
  const progress = events.filter(({ type }) => type === 'progress');
  const total = result['checkpoint_bytes'];
  expect(progress[0]).toMatchObject({ label: 'pack', unit: 'bytes', done: 0, total });
  expect(progress.at(-1)).toMatchObject({ done: total, total });
});

describe('the name of the model', () => {
  it('is that of the folder, through links too, if an image can have it', async () => {
    await symlink(path('text'), path('a link'));
    const { result } = await mmfreeJson('pack', path('a link'), '-o', path('named.mmfree'));
    expect(result).toMatchObject({ name: 'text' });
    await writeTextCheckpoint(path('y'.repeat(65)));
    const { result: long } = await mmfreeJson('pack', path('y'.repeat(65)), '-o', path('named.mmfree'));
    expect(long['name']).toMatch(/^matmulfree-L2-H4-V\d+$/);
  });

  it('is in the shipped image, which packing the shipped checkpoint gives again', async () => {
    expect((await compiledJson('pack', TALES, '-o', path('again.mmfree'))).exit).toBe(0);
    expect((await readFile(path('again.mmfree'))).equals(await readFile(TALES_IMAGE))).toBe(true);
  });
});

it('signs with an Ed25519 key, and gives name and revision', async () => {
  const args = ['--sign', path('key.pem'), '--name', 'Tiny', '--revision', '7'];
  expect((await mmfreeJson('pack', path('tiny'), '-o', path('signed.mmfree'), ...args)).exit).toBe(0);
  const { x = '' } = createPublicKey(ed25519.privateKey).export({ format: 'jwk' });
  expect((await mmfreeJson('inspect', path('signed.mmfree'))).result).toMatchObject({
    name: 'Tiny',
    revision: 7,
    signed_by: Buffer.from(x, 'base64url').toString('hex'),
  });
});

describe('a command line that it refuses', () => {
  const notAKey = 'It must be a file with an unencrypted Ed25519 private key in PEM.';

  it.each<[string, string[], number, string]>([
    ['a checkpoint that is not there', ['nowhere'], 6, 'The path does not exist.'],
    ['a file for a checkpoint', ['key.pem'], 6, 'A checkpoint is a folder'],
    ['an RSA key', ['tiny', '--sign', 'rsa.pem'], 2, notAKey],
    ['a public key', ['tiny', '--sign', 'public.pem'], 2, notAKey],
    ['a key behind a password', ['tiny', '--sign', 'locked.pem'], 2, notAKey],
    ['a key that is not there', ['tiny', '--sign', 'nowhere.pem'], 2, 'ENOENT'],
    ['a folder for a key', ['tiny', '--sign', 'tiny'], 2, 'It is read only from a file that stays as it is.'],
    ['a name with a control character', ['tiny', '--name', 'a\u0007b'], 2, 'without control'],
    ['a name of 66 bytes', ['tiny', '--name', 'é'.repeat(33)], 2, '1 to 64 bytes'],
    ['a negative revision', ['tiny', '--revision', '-1'], 2, '0 to 4,294,967,295'],
    ['a revision of 33 bits', ['tiny', '--revision', '4294967296'], 2, '0 to 4,294,967,295'],
    ['a program that is none', ['tiny', '--program', 'key.pem'], 6, 'It cannot be assembled.'],
    ['a program that would not compute a token', ['tiny', '--program', 'halt.txt'], 6, 'A machine that runs it'],
    ['a program that is not there', ['tiny', '--program', 'nowhere.txt'], 2, 'ENOENT'],
  ])('%s leaves nothing behind', async (_title, [checkpoint = '', option, value = ''], exit, cause) => {
    const options =
      option === undefined ? [] : [option, option === '--sign' || option === '--program' ? path(value) : value];
    const { result, ...run } = await mmfreeJson('pack', path(checkpoint), '-o', path('refused'), ...options);
    expect(run.exit).toBe(exit);
    expect(result['error']).toMatchObject({ cause: expect.stringContaining(cause) });
    expect(await leftBehind('refused')).toEqual([]);
  });

  it('without -o says so', async () => {
    const { exit, stderr } = await mmfree('pack', path('tiny'));
    expect([exit, stderr.lines[0]]).toEqual([2, 'error: -o, --output <file> is missing']);
  });
});

describe('the output', () => {
  it('is replaced when it is a file', async () => {
    await writeFile(path('old.mmfree'), 'old');
    expect((await mmfree('pack', path('tiny'), '-o', path('old.mmfree'))).exit).toBe(0);
    expect((await mmfree('inspect', path('old.mmfree'))).exit).toBe(0);
    expect(await leftBehind('old')).toEqual(['old.mmfree']);
  });

  it('goes where a link points, and the link stays', async () => {
    await writeFile(path('target.mmfree'), 'old');
    await symlink('target.mmfree', path('link.mmfree'));
    expect((await mmfree('pack', path('tiny'), '-o', path('link.mmfree'))).exit).toBe(0);
    expect((await lstat(path('link.mmfree'))).isSymbolicLink()).toBe(true);
    expect((await mmfree('inspect', path('target.mmfree'))).exit).toBe(0);
  });

  // As root, `-o /dev/null` used to put the image in the place of the device.
  it('is refused when it is no file, which stays', async () => {
    await mkdir(path('folder'));
    execFileSync('mkfifo', [path('pipe')]);
    await symlink('pipe', path('link-to-pipe'));
    for (const name of ['folder', 'pipe', 'link-to-pipe']) {
      const { exit, stderr } = await mmfree('pack', path('tiny'), '-o', path(name));
      const kind = name === 'folder' ? 'folder' : 'pipe';
      expect([exit, stderr.lines[0]]).toEqual([2, `error: ${path(name)} is a ${kind}`]);
    }
    expect((await lstat(path('folder'))).isDirectory()).toBe(true);
    expect((await lstat(path('pipe'))).isFIFO()).toBe(true);
    await rm(path('pipe'));
  });

  it.each([
    ['a folder that is not there', 'no/such/image', 'ENOENT'],
    ['a file taken for a folder', 'key.pem/image', 'ENOTDIR'],
  ])('cannot lie in %s, for which the checkpoint is not to blame', async (_title, name, cause) => {
    const { exit, result } = await mmfreeJson('pack', path('tiny'), '-o', path(name));
    expect(exit).toBe(2);
    expect(result['error']).toMatchObject({ code: 'image-unwritable', cause: expect.stringContaining(cause) });
  });
});

describe('a tokenizer', () => {
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  /** As many tokens as the model has rows. */
  const full = mistralStyleTokenizer();
  const missing = MISTRAL_STYLE_IDS.vocabSize - Object.keys(full.model.vocab).length;
  const fill = Array.from({ length: missing }, (_, i) => [`fill${i}`, MISTRAL_STYLE_IDS.vocabSize - missing + i]);
  const vocab = { ...full.model.vocab, ...(Object.fromEntries(fill) as Record<string, number>) };
  const tokenizer = changed(full, ['model', 'vocab'], vocab);

  it('with an added token one past the model is packed, and a note says which can never occur', async () => {
    await writeTextCheckpoint(path('padded'));
    const json = changed(tokenizer, ['added_tokens', 3], { ...added, id: 320, content: '<pad>' });
    await writeFile(path('padded/tokenizer.json'), JSON.stringify(json));
    const { exit, stderr } = await mmfree('pack', path('padded'), '-o', path('padded.mmfree'));
    expect([exit, stderr.lines]).toEqual([
      0,
      ['added tokens that the model has no row for, and which are text like any other: "<pad>"'],
    ]);
  });

  it('that is computed otherwise elsewhere is refused by name', async () => {
    await writeTextCheckpoint(path('words'));
    const json = changed(tokenizer, ['added_tokens', 2, 'single_word'], true);
    await writeFile(path('words/tokenizer.json'), JSON.stringify(json));
    const { exit, result } = await mmfreeJson('pack', path('words'), '-o', path('words.mmfree'));
    expect(exit).toBe(6);
    expect(result['error']).toMatchObject({
      message: `${path('words/tokenizer.json')}: the tokenizer's added_tokens.single_word is true`,
      facts: { file: path('words/tokenizer.json') },
    });
    expect(await leftBehind('words.mmfree')).toEqual([]);
  });
});

describe('a checkpoint without tokenizer.json', () => {
  // It used to be packed with exit code 0, and whoever ran the image was surprised.
  it('is refused before anything is read', async () => {
    const { exit, result } = await mmfreeJson('pack', path('ids-only'), '-o', path('refused'));
    expect(exit).toBe(6);
    expect(result['error']).toMatchObject({
      code: 'checkpoint-no-tokenizer',
      message: `${path('ids-only')} has no tokenizer.json`,
      fix: expect.stringContaining('--no-tokenizer'),
    });
    expect(await leftBehind('refused')).toEqual([]);
  });

  it('is packed with --no-tokenizer, and the image takes ids', async () => {
    const image = path('ids.mmfree');
    expect((await mmfreeJson('pack', path('ids-only'), '-o', image, '--no-tokenizer')).exit).toBe(0);
    expect((await mmfreeJson('inspect', image)).result).toMatchObject({ tokenizer_sha256: null });
    expect((await mmfree('run', '--image', image, '--backend', 'reference', '--ids', '1 5')).exit).toBe(0);
  });

  it('gives the same image as one whose tokenizer is left out', async () => {
    await writeTextCheckpoint(path('left-out'));
    const packed = async (name: string): Promise<Buffer> => {
      expect((await mmfreeJson('pack', path('left-out'), '-o', path(name), '--no-tokenizer')).exit).toBe(0);
      return await readFile(path(name));
    };
    const withFile = await packed('with.mmfree');
    await rm(path('left-out/tokenizer.json'));
    expect(withFile.equals(await packed('without.mmfree'))).toBe(true);
  });
});

describe('a checkpoint as others left it', () => {
  it('with a Git LFS pointer in place of its tokenizer is refused, and the file named', async () => {
    await writeTextCheckpoint(path('pointer'));
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'5'.repeat(64)}\nsize 2000000\n`;
    await writeFile(path('pointer/tokenizer.json'), pointer);
    const { exit, stderr } = await mmfree('pack', path('pointer'), '-o', path('refused'));
    expect([exit, stderr.lines[0]]).toEqual([
      6,
      `error: ${path('pointer/tokenizer.json')} is a Git LFS pointer, not the file itself`,
    ]);
    expect(stderr.text).toContain('git lfs pull');
  });

  it('from inside torch.compile gives the same image, and the prefix is told', async () => {
    const image = async (folder: string): Promise<{ image: Buffer; notes: string }> => {
      const { exit, stderr } = await mmfree('pack', path(folder), '-o', path(`${folder}.mmfree`), '--name', 'x');
      expect(exit).toBe(0);
      return { image: await readFile(path(`${folder}.mmfree`)), notes: stderr.text };
    };
    await writeTextCheckpoint(path('compiled'), (tensors) => {
      for (const [index, tensor] of tensors.entries()) tensors[index] = { ...tensor, name: `_orig_mod.${tensor.name}` };
    });
    const plain = await image('tiny');
    const compiled = await image('compiled');
    expect(plain.notes).toBe('');
    expect(compiled.notes).toBe('the name of each of the 35 tensors starts with "_orig_mod.", which is dropped\n');
    expect(compiled.image.equals(plain.image)).toBe(true);
  });
});

/** Interrupts `pack` as soon as it has reported `done` of the checkpoint. */
async function interruptAt(checkpoint: string, output: string, isTime: (done: unknown) => boolean): Promise<number> {
  const process = new FakeProcess();
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (line, onWritten) => {
    write(line, onWritten);
    if (line.startsWith('{"type":"progress"') && isTime(JSON.parse(line))) process.interrupt();
  };
  const { exit } = await process.run(COMMANDS, '--json', 'pack', checkpoint, '-o', output);
  return exit;
}

describe('Ctrl-C', () => {
  it.each<[string, (sample: { done: number; total: number }) => boolean]>([
    ['before the first byte', ({ done }) => done === 0],
    ['when the checkpoint is read, in front of the self-test', ({ done, total }) => done === total],
  ])('%s keeps the old image', async (_title, isTime) => {
    await writeFile(path('kept.mmfree'), 'old');
    const exit = await interruptAt(path('tiny'), path('kept.mmfree'), (sample) => isTime(sample as never));
    expect(exit).toBe(130);
    expect(await readFile(path('kept.mmfree'), 'utf8')).toBe('old');
    expect(await leftBehind('kept')).toEqual(['kept.mmfree']);
  });
});
