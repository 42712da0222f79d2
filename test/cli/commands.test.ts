/**
 * The commands as a user meets them, run in memory: output, JSON Lines, exit codes. `eval` and `bench start-up` start threads and processes of
 * the compiled program, so they use `dist/`.
 */
import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bench } from '../../cli/commands/bench.js';
import { evalCommand } from '../../cli/commands/eval.js';
import { inspect } from '../../cli/commands/inspect.js';
import { pack } from '../../cli/commands/pack.js';
import { run } from '../../cli/commands/run.js';
import { vectors } from '../../cli/commands/vectors.js';
import { verify } from '../../cli/commands/verify.js';
import { FakeProcess, type FakeRun } from '../helpers/fake-host.js';
import { rawImage } from '../helpers/raw-image.js';
import { writeCheckpoint } from '../helpers/synthetic-checkpoint.js';
import { imageOf, tinyImage, tinySections } from '../helpers/tiny-image.js';
import { bitLinear, normalise } from '../oracle/bit-linear.js';
import { oracleSample } from '../oracle/bigint-sampler.js';
import { BigIntModel } from '../oracle/bigint-model.js';
import { mul15 } from '../oracle/primitives.js';

const COMMANDS = [pack, inspect, run, verify, evalCommand, bench, vectors];
const root = fileURLToPath(new URL('../../', import.meta.url));
const TALES = join(root, 'models/tales-9m');
const IMAGE = join(TALES, 'tales-9m.mmfree');
const GOLDEN_A = join(root, 'test/fixtures/golden-a');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mmfree-cli-'));
  await writeCheckpoint(join(folder, 'tiny'));
  await writeFile(join(folder, 'tiny.mmfree'), tinyImage());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const mmfree = (...argv: string[]): Promise<FakeRun> => new FakeProcess().run(COMMANDS, ...argv);

/** Runs with --json and checks what every run owes: `hello` first, one `result` last, whose exit is the exit code. */
async function json(
  ...argv: string[]
): Promise<{ exit: number; events: Record<string, unknown>[]; result: Record<string, unknown> }> {
  const ended = await mmfree('--json', ...argv);
  const events = ended.events();
  expect(events[0]).toMatchObject({ type: 'hello', command: argv[0] });
  expect(events.filter(({ type }) => type === 'result')).toHaveLength(1);
  const result = events.at(-1) ?? {};
  expect(result).toMatchObject({ type: 'result', exit: ended.exit });
  return { exit: ended.exit, events, result };
}

describe('pack', () => {
  it('makes the shipped image of the shipped checkpoint, byte for byte', async () => {
    const output = join(folder, 'tales.mmfree');
    const { exit, result } = await json('pack', TALES, '-o', output);
    expect(exit).toBe(0);
    expect(Buffer.compare(await readFile(output), await readFile(IMAGE))).toBe(0);
    expect(result['file_sha256']).toBe(
      createHash('sha256')
        .update(await readFile(output))
        .digest('hex'),
    );
    expect(result['bits_per_ternary_weight']).toBeLessThan(1.62);
  });

  it('says what it did, on stdout', async () => {
    const { exit, stdout, stderr } = await mmfree('pack', join(folder, 'tiny'), '-o', join(folder, 'said.mmfree'));
    expect(exit).toBe(0);
    expect(stderr.text).toBe('');
    for (const word of ['ternary', 'bit', 'sealed', 'tokenizer     none', 'self-test'])
      expect(stdout.text).toContain(word);
  });

  it('signs with an Ed25519 key, and names the image', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(join(folder, 'key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const output = join(folder, 'signed.mmfree');
    const args = ['--sign', join(folder, 'key.pem'), '--name', 'Tiny', '--revision', '7'];
    expect((await mmfree('pack', join(folder, 'tiny'), '-o', output, ...args)).exit).toBe(0);
    const { result } = await json('inspect', output);
    expect(result).toMatchObject({ name: 'Tiny', revision: 7, signed_by: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it.each([
    ['a checkpoint that is not there', ['nowhere'], 6],
    ['an RSA key', ['tiny', '--sign', 'rsa.pem'], 2],
    ['a key that is not there', ['tiny', '--sign', 'nowhere.pem'], 2],
    ['a name that no terminal should see', ['tiny', '--name', 'a\u0007b'], 2],
    ['a negative revision', ['tiny', '--revision', '-1'], 2],
  ])('refuses %s and leaves nothing behind', async (_, [checkpoint = '', ...args], exit) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(join(folder, 'rsa.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const paths = args.map((arg) => (arg.endsWith('.pem') ? join(folder, arg) : arg));
    const ended = await mmfree('pack', join(folder, checkpoint), '-o', join(folder, 'refused.mmfree'), ...paths);
    expect(ended.exit).toBe(exit);
    expect(ended.stderr.text).toMatch(/^error: .+\ncause: .+\nfix: {3}.+\n$/);
    expect((await readdir(folder)).filter((name) => name.startsWith('refused'))).toEqual([]);
  });

  it('refuses a folder that it cannot write to', async () => {
    expect((await mmfree('pack', join(folder, 'tiny'), '-o', join(folder, 'no/such/folder'))).exit).toBe(2);
  });

  it.each([
    ['a device, which root could replace', '/dev/null'],
    ['a folder', tmpdir()],
  ])('refuses to put an image in the place of %s', async (_, output) => {
    expect((await mmfree('pack', join(folder, 'tiny'), '-o', output)).exit).toBe(2);
  });

  it('keeps the old image when it is interrupted', async () => {
    const output = join(folder, 'kept.mmfree');
    await writeFile(output, 'old');
    const process = new FakeProcess();
    const ended = process.run(COMMANDS, 'pack', TALES, '-o', output);
    setTimeout(() => process.interrupt(), 20);
    expect((await ended).exit).toBe(130);
    expect(await readFile(output, 'utf8')).toBe('old');
    expect((await readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

describe('inspect', () => {
  it('shows and checks the shipped image', async () => {
    const { exit, result } = await json('inspect', IMAGE);
    expect(exit).toBe(0);
    expect(result).toMatchObject({ hidden_size: 256, layers: 8, vocab_size: 4096, ternary_weights: 7_864_320 });
    expect(result['sha256']).toMatch(/^[0-9a-f]{64}$/);
    expect(result['bits_per_ternary_weight']).toBeLessThan(1.62);
  });

  it.each([
    ['a byte changed in the weights', (image: Uint8Array) => image.with(image.length - 5000, 1), 'image-damaged'],
    ['its end missing', (image: Uint8Array) => image.subarray(0, -1), 'image-truncated'],
    ['another file', () => new TextEncoder().encode('{}'), 'not-an-image'],
  ])('refuses an image with %s', async (_, change, code) => {
    const path = join(folder, 'bad.mmfree');
    await writeFile(path, change(new Uint8Array(await readFile(IMAGE))));
    const { exit, result } = await json('inspect', path);
    expect(exit).toBe(6);
    expect(result['error']).toMatchObject({ code });
  });

  it('refuses a missing file', async () => {
    expect((await mmfree('inspect', join(folder, 'nowhere'))).exit).toBe(6);
  });
});

describe('run', () => {
  it('repeats the self-test of the image when it is greedy', async () => {
    const { events } = await json('run', '--image', IMAGE, '--temperature', '0', '--ids', '--max-tokens', '8', '0');
    const tokens = events.filter(({ type }) => type === 'token');
    // Recorded by the packer, and the same in every image of this checkpoint.
    expect(tokens.map(({ id }) => id)).toEqual([334, 404, 911, 272, 260, 404, 608, 199]);
    expect(tokens[0]?.['receipt']).toBe('4c5aec6a');
  });

  it('prints the prompt and its continuation, the same for the same seed', async () => {
    const tell = (seed: string): Promise<FakeRun> =>
      mmfree('run', '--image', IMAGE, '--max-tokens', '12', '--seed', seed, 'Once upon a time');
    const [first, again, other] = [await tell('5'), await tell('5'), await tell('6')];
    expect(first.stdout.text).toMatch(/^Once upon a time.+\n$/s);
    expect(again.stdout.text).toBe(first.stdout.text);
    expect(other.stdout.text).not.toBe(first.stdout.text);
    expect(first.stderr.text).toMatch(/^12 tokens, [\d.]+ tokens\/s on reference \(max-tokens\)\n$/);
  });

  it('stops before a stop text', async () => {
    const whole = await mmfree('run', '--image', IMAGE, '--temperature', '0', '--max-tokens', '16', 'The');
    const word = whole.stdout.text.trim().split(/\s+/)[3] ?? '';
    const ended = await mmfree('run', '--image', IMAGE, '--temperature', '0', '--stop', word, 'The');
    expect(ended.stdout.text.trimEnd()).toBe(whole.stdout.text.slice(0, whole.stdout.text.indexOf(word)).trimEnd());
    expect(ended.stderr.text).toContain('(stop)');
  });

  it('stops at the end of the text', async () => {
    // All logits are equal, so the likeliest token is the lowest id: make that the end.
    const sections = tinySections();
    const model = {
      ...sections,
      shape: { ...sections.shape, eosTokenId: 0 },
      ternary: sections.ternary.slice().fill(121),
    };
    const image = imageOf(model, { tokenizer: new Uint8Array(0) });
    await writeFile(join(folder, 'ends.mmfree'), image);
    const { result } = await json('run', '--image', join(folder, 'ends.mmfree'), '--temperature', '0', '--ids', '1');
    expect(result).toMatchObject({ tokens: 1, finish: 'end-of-text' });
  });

  it.each([
    ['an id beyond the vocabulary', ['--image', IMAGE, '--ids', '4096'], 2],
    ['words for ids', ['--image', IMAGE, '--ids', 'one'], 2],
    ['a temperature between 0 and 0.05', ['--image', IMAGE, '--temperature', '0.01', 'x'], 2],
    ['a top-k of 65', ['--image', IMAGE, '--top-k', '65', 'x'], 2],
    ['an unknown backend', ['--image', IMAGE, '--backend', 'abacus', 'x'], 2],
    ['a missing image', ['--image', 'nowhere.mmfree', 'x'], 6],
  ])('refuses %s', async (_, args, exit) => {
    expect((await mmfree('run', ...args)).exit).toBe(exit);
  });

  it('ends at Ctrl-C with what it has', async () => {
    const process = new FakeProcess();
    const ended = process.run(COMMANDS, 'run', '--image', IMAGE, '--max-tokens', '100000', 'Once');
    setTimeout(() => process.interrupt(), 300);
    const { exit, stdout } = await ended;
    expect(exit).toBe(130);
    expect(stdout.text).toMatch(/^Once/);
  });
});

describe('verify', () => {
  it('finds this machine bit-exact on the shipped image', async () => {
    const { exit, result } = await json('verify', '--image', IMAGE);
    expect(exit).toBe(0);
    expect(result).toMatchObject({ tokens: 16, mismatches: 0, first_mismatch: null });
  });

  it('names the first token whose logits are not those of the self-test', async () => {
    const sections = tinySections();
    const oracle = new BigIntModel(sections);
    const receipts = [1, 0, 6, 0].map((token) => oracle.step(token).receipt);
    receipts[2] = 0xdeadbeef;
    const image = rawImage(sections, {
      manifest: (manifest) => (manifest.self_test['receipts'] = new Uint8Array(Uint32Array.from(receipts).buffer)),
    });
    await writeFile(join(folder, 'lies.mmfree'), image);
    const { exit, result } = await json('verify', '--image', join(folder, 'lies.mmfree'));
    expect(exit).toBe(9);
    expect(result['error']).toMatchObject({
      code: 'mismatch-receipt',
      facts: {
        position: 2,
        token: 6,
        expected_receipt: 'deadbeef',
        actual_receipt: expect.stringMatching(/^[0-9a-f]{8}$/),
      },
    });
  });

  it('compares the float model with PyTorch', async () => {
    const args = ['verify', '--checkpoint', GOLDEN_A, '--golden', join(GOLDEN_A, 'golden.safetensors')];
    const { exit, result } = await json(...args);
    expect(exit).toBe(0);
    expect(result).toMatchObject({ tokens: 96, argmax_agreement: 96 });
    expect(result['max_abs_diff']).toBeLessThan(1e-5);
    expect((await json(...args, '--tolerance', '0')).exit).toBe(9);
  });

  it.each([
    ['--golden without --checkpoint', ['--golden', 'x'], 2],
    ['--checkpoint with --image', ['--checkpoint', 'x', '--golden', 'y', '--image', 'z'], 2],
    ['a golden file that is none', ['--checkpoint', GOLDEN_A, '--golden', join(GOLDEN_A, 'config.json')], 6],
    ['logits of another model', ['--checkpoint', TALES, '--golden', join(GOLDEN_A, 'golden.safetensors')], 6],
  ])('refuses %s', async (_, args, exit) => {
    expect((await mmfree('verify', ...args)).exit).toBe(exit);
  });
});

describe('vectors', () => {
  it('are what the oracle computes', async () => {
    const output = join(folder, 'vectors');
    const image = join(folder, 'tiny.mmfree');
    const { exit } = await json('vectors', '-o', output, '--image', image, '--count', '50', '--tokens', '10');
    expect(exit).toBe(0);
    const lines = async (name: string): Promise<string[]> =>
      (await readFile(join(output, name), 'utf8')).trimEnd().split('\n');
    const signed = (hex = ''): bigint => BigInt.asIntN(4 * hex.length, BigInt(`0x${hex}`));

    for (const line of await lines('mul15.hex')) {
      const [a, b, result] = line.split(' ').map(signed);
      expect(mul15(a ?? 0n, b ?? 0n)).toBe(result);
    }
    for (const line of await lines('bitlinear.jsonl')) {
      const { rows, columns, v, epsilon, gain, mm, em, weights, out } = JSON.parse(line);
      const bytes = Buffer.from(weights, 'hex');
      const trits = Int8Array.from({ length: rows * columns }, (__, at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        const byte = bytes[Math.floor(row / 5) * columns + column] ?? 0;
        return (Math.floor(byte / 3 ** (row % 5)) % 3) - 1;
      });
      const product = {
        scale: { mm: BigInt(mm), em: BigInt(em) },
        gain: gain.map(BigInt),
        matrix: { rows, columns, trits },
      };
      const events = { zeroVector: 0, scaleSaturated: 0, shiftedOut: 0, lowestN: 0 };
      expect(bitLinear(normalise(v.map(BigInt), BigInt(epsilon)), product, events).map(Number)).toEqual(out);
    }
    for (const line of await lines('sampler.jsonl')) {
      const { logits, index, id, ...s } = JSON.parse(line);
      const settings = {
        topK: s.top_k,
        invTemperature: s.inv_temperature,
        topP: s.top_p,
        seedLow: s.seed_low,
        seedHigh: s.seed_high,
      };
      expect(oracleSample(logits.map(BigInt), settings, index)).toBe(id);
    }
    const oracle = new BigIntModel(tinySections());
    const hex = (value: number): string => value.toString(16).padStart(8, '0');
    for (const line of await lines('tokens.jsonl')) {
      const { token, taps, receipt } = JSON.parse(line);
      const expected = oracle.step(token);
      expect({ taps, receipt }).toEqual({ taps: expected.taps.map(hex), receipt: hex(expected.receipt) });
    }
    expect(await lines('sigmoid.hex')).toHaveLength(65_536);
    expect(await lines('trits.hex')).toHaveLength(243);
  });
});

describe('vectors into a folder that cannot be made', () => {
  it.each([
    ['in /proc, where Node’s recursive mkdir never returned', '/proc/mmfree', 2],
    ['below a folder that is not there', '/no/such/folder', 2],
  ])('ends with an error %s', async (_, output, exit) => {
    expect((await mmfree('vectors', '-o', output, '--image', join(folder, 'tiny.mmfree'))).exit).toBe(exit);
  });
});

describe('the compiled program', () => {
  const main = join(root, 'dist/cli/main.js');
  const compiled = (...args: string[]): Promise<{ code: number; stdout: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [main, ...args], (error, stdout) =>
        resolve({ code: error ? Number(error.code) : 0, stdout }),
      );
    });

  it('evaluates image and checkpoint on several threads, with nearly the same loss', { timeout: 60_000 }, async () => {
    const text = join(TALES, 'validation.txt');
    const common = ['--json', '--text', text, '--context', '64', '--windows', '2', '--threads', '2'];
    const losses: number[] = [];
    for (const subject of [
      ['--image', IMAGE],
      ['--checkpoint', TALES],
    ]) {
      const { code, stdout } = await compiled('eval', ...subject, ...common);
      expect(code).toBe(0);
      const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
      expect(result).toMatchObject({ tokens: 128, windows: 2, exit: 0 });
      losses.push(result.loss);
    }
    expect(losses[0]).toBeGreaterThan(1);
    expect(Math.abs((losses[0] ?? 0) / (losses[1] ?? 1) - 1)).toBeLessThan(0.02);
  });

  it('eval refuses both subjects, none, and a text shorter than a window', async () => {
    const text = join(folder, 'short.txt');
    await writeFile(text, 'short');
    expect((await compiled('eval', '--text', text)).code).toBe(2);
    expect((await compiled('eval', '--text', text, '--image', IMAGE, '--checkpoint', TALES)).code).toBe(2);
    expect((await compiled('eval', '--text', text, '--image', IMAGE)).code).toBe(2);
    expect((await compiled('eval', '--text', join(folder, 'nowhere'), '--image', IMAGE)).code).toBe(2);
  });

  it.each([
    ['reference', ['--tokens', '8'], 'weights_per_second'],
    ['pack', ['--shape', '9M'], 'bytes_per_second'],
    ['start-up', ['--runs', '3'], 'first_token_ms'],
  ])('bench %s gives its figures', { timeout: 60_000 }, async (subject, args, key) => {
    const { code, stdout } = await compiled('bench', subject, '--json', '--image', IMAGE, ...args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')[key]).toBeGreaterThan(0);
  });

  it('tells a tale from the shipped image when none is given', async () => {
    const { code, stdout } = await compiled('run', '--max-tokens', '3', 'Once upon a time');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Once upon a time/);
  });

  it('is executable', async () => {
    expect((await readFile(main, 'utf8')).startsWith('#!/usr/bin/env node')).toBe(true);
    expect((await stat(main)).isFile()).toBe(true);
  });
});
