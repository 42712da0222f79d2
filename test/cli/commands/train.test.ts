/**
 * `mmfree train`: from text to a board, on a model of two tiny layers. What kernels compute is tested in
 * test/model/train/gpu.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FolderLock } from '../../../model/files/folder-lock.js';
import { parseConfig } from '../../../model/checkpoint/read-config.js';
import { loadTokenizer } from '../../../model/text/tokenizer.js';
import { textPieces } from '../../../model/train/data/text-pieces.js';
import { encodePieces, randomWindows } from '../../../model/train/data/token-stream.js';
import { initialParameters } from '../../../model/train/initial-parameters.js';
import { BETAS, EPSILON, rateAt } from '../../../model/train/run/recipe.js';
import {
  COMMANDS,
  inRoot,
  mmfree,
  mmfreeJson,
  startBoard,
  startCompiled,
  temporaryFolder,
} from '../../helpers/command-line.js';
import { count, figure, figureOfCases } from '../../helpers/counts.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { hasGpu } from '../../helpers/gpu.js';
import { TwinAdamW } from '../../oracle/training/adamw.js';
import { twinGradients } from '../../oracle/training/twin.js';

// Imported there, as it runs before what is imported above.
vi.mock('../../../model/backends/gpu/device/adapter.js', async (importOriginal) => {
  const { sharing } = await import('../../helpers/shared-gpu.js');
  return sharing(await importOriginal());
});

const path = temporaryFolder();
const CONFIG = {
  model_type: 'hgrn_bit',
  vocab_size: 300,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 2,
  bos_token_id: 0,
  eos_token_id: 0,
};
const [CONTEXT, BATCH, STEPS] = [12, 4, 10];
/** Of the run whose curve is followed for long. */
const LONG_STEPS = 60;
const TEXT = Array.from(
  { length: 40 },
  (_, k) => `Once there was a fox who had ${k} hens and a hat.\n<|endoftext|>\n`,
).join('');

/** As long as a few windows, and nothing of the text. */
const HELD_OUT = [40, 41, 42].map((k) => `Once there was a fox who had ${k} hens and a hat.\n`).join('<|endoftext|>\n');

beforeAll(async () => {
  await writeFile(path('text.txt'), TEXT);
  await writeFile(path('held-out.txt'), HELD_OUT);
  await writeFile(path('config.json'), JSON.stringify(CONFIG));
});

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
  return () => vi.unstubAllEnvs();
});

const RECIPE = ['--context', String(CONTEXT), '--batch', String(BATCH), '--steps', String(STEPS), '--warm-up', '2'];

const trainTo = (folder: string, ...others: string[]): string[] => {
  return ['train', path('text.txt'), '-o', folder, '--config', path('config.json'), ...RECIPE, ...others];
};

/** From a checkpoint with which the loss is no number. */
const spoiltTo = (folder: string): string[] => {
  const small = ['--context', String(CONTEXT), '--batch', String(BATCH), '--steps', '3'];
  return ['train', path('text.txt'), '-o', folder, '--from', path('bad'), ...small];
};

const linesOf = async (folder: string): Promise<Record<string, number>[]> =>
  (await readFile(`${folder}/train.jsonl`, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);

/** Lines that are written so far. */
const stepsIn = async (folder: string): Promise<number> =>
  (await readFile(`${folder}/train.jsonl`, 'utf8').catch(() => '')).split('\n').length - 1;

/** The same run in double precision, by the twin. */
async function twinLosses(folder: string): Promise<number[]> {
  const config = parseConfig(await readFile(path('config.json')), 'config.json');
  const tokenizer = await loadTokenizer(await readFile(`${folder}/tokenizer.json`), config);
  const pieces = textPieces([path('text.txt')], new AbortController().signal);
  const tokens = await encodePieces(pieces, tokenizer, config, () => {});
  const { recipe } = JSON.parse(await readFile(`${folder}/run.json`, 'utf8')) as {
    recipe: Parameters<typeof rateAt>[0];
  };
  const wide = [...initialParameters(config, 1n)].map(([name, values]) => [name, Float64Array.from(values)] as const);
  const parameters = new Map(wide);
  const optimiser = new TwinAdamW();
  const isMatrix = (name: string): boolean => name.endsWith('.weight') && !name.endsWith('norm.weight');
  return Array.from({ length: recipe.steps }, (_, k) => {
    const { ids, targets } = randomWindows(tokens, { seed: 1n, step: k + 1, first: 0, count: BATCH, length: CONTEXT });
    // A window of the twin has its last target inside.
    const rows = Array.from({ length: BATCH }, (__, row) => [
      ...ids.subarray(row * CONTEXT, (row + 1) * CONTEXT),
      targets[(row + 1) * CONTEXT - 1]!,
    ]);
    const { loss, gradients } = twinGradients(config, parameters, rows.flat(), CONTEXT + 1);
    const { decay, clip } = recipe;
    optimiser.update(
      parameters,
      gradients,
      { rate: rateAt(recipe, k + 1), betas: BETAS, epsilon: EPSILON, decay, clip },
      isMatrix,
    );
    return loss;
  });
}

describe.runIf(hasGpu)('a folder of text', () => {
  it('becomes a checkpoint by the loss curve of the twin, an image, and a board that computes it', async () => {
    const folder = path('tale');
    const { exit, result } = await mmfreeJson(...trainTo(folder, '--held-out', path('held-out.txt')));
    expect(exit).toBe(0);
    expect(result).toMatchObject({ steps: STEPS, tokens: STEPS * BATCH * CONTEXT });
    expect(result['held_out_loss']).toBeLessThan(5.6);
    const losses = (await linesOf(folder)).map(({ loss }) => loss!);
    const twin = await twinLosses(folder);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.1);
    // Both go their own way: an int8 rounding that falls differently changes the loss a little.
    losses.forEach((loss, step) => expect(Math.abs(loss - twin[step]!)).toBeLessThan(0.02));
    expect(await readFile(`${folder}/loss.svg`, 'utf8')).toContain(`${STEPS * BATCH * CONTEXT} tokens`);

    expect((await mmfreeJson('pack', folder, '-o', path('tale.mmfree'))).exit).toBe(0);
    const told = await mmfree('run', '-q', '--image', path('tale.mmfree'), '--seed', '0', '--max-tokens', '60', '');
    expect(told.stdout.text).toBe(`${(result['samples'] as string[])[0]}\n`);
    const board = await startBoard('--flash-mib', '1');
    try {
      expect((await mmfreeJson('flash', path('tale.mmfree'), '--board', board.selector)).exit).toBe(0);
      const verified = await mmfreeJson(
        'verify',
        '--board',
        board.selector,
        '--image',
        path('tale.mmfree'),
        '--tokens',
        '50',
      );
      expect(verified.result).toMatchObject({ exit: 0, mismatches: 0 });
    } finally {
      await board.stop();
    }
  });

  it('is learned as text and device allow where nothing is told, which is kept', async () => {
    const folder = path('untold');
    const short = ['--vocab', '300', '--minutes', '0.01'];
    const { exit, events } = await mmfreeJson('train', path('text.txt'), '-o', folder, ...short);
    expect(exit).toBe(0);
    const device = events.find(({ type }) => type === 'device');
    expect(device!['weight_tokens_per_second']).toBeGreaterThan(1e5);
    const choices = events.filter(({ type }) => type === 'choice').map(({ of, value }) => [of, value]);
    // Of a text so short nothing larger can be made, however fast the device is.
    expect(choices).toEqual([
      ['shape', '100K'],
      ['context', 64],
      ['batch', 4],
    ]);
    const run = await readFile(`${folder}/run.json`, 'utf8');
    expect(JSON.parse(run)).toMatchObject({ recipe: { context: 64, batch: 4 }, choices: [{}, {}, {}] });
    expect(await readFile(`${folder}/config.json`, 'utf8')).toContain('"hidden_size": 48');
    const again = await mmfreeJson('train', path('text.txt'), '-o', folder, '--resume');
    expect([again.exit, again.events.filter(({ type }) => type === 'device')]).toEqual([0, []]);
    expect(await readFile(`${folder}/run.json`, 'utf8')).toBe(run);
  });

  // With the kernels of the run above.
  it('has a plan of memory and time before', async () => {
    const sizes = ['--tokens', '1000000', '--context', '64', '--batch', '4', '--vocab', '300'];
    const { exit, result } = await mmfreeJson('train', '--plan', '100K', ...sizes);
    expect(exit).toBe(0);
    // Matrices, norms and lower bounds of two layers, embedding and head.
    const [h, i, v] = [48, 128, 300];
    const weights = 2 * v * h + 2 * (4 * h * h + 3 * h * i) + 2 * (8 * h + i) + 2 * h + 2 * h;
    const verdict = expect.any(String) as string;
    expect(result).toMatchObject({ shape: '100K', tokens: 1e6, micro_batch: 4, verdict, weights });
    const rate = Number(result['tokens_per_second']);
    expect(Number(result['hours']) * 3600 * rate).toBeCloseTo(1e6, 0);
    // Parameters, gradients and two moments, and more.
    expect(Number(result['gpu_bytes'])).toBeGreaterThan(16 * weights);
  });

  it.skipIf(count(0, 1) === 0)('is learned by the curve of the twin for long', async () => {
    const folder = path('curve');
    const args = trainTo(folder).map((arg) => (arg === String(STEPS) ? String(LONG_STEPS) : arg));
    expect((await mmfreeJson(...args)).exit).toBe(0);
    const losses = (await linesOf(folder)).map(({ loss }) => loss!);
    const twin = await twinLosses(folder);
    expect([losses.length, twin.length]).toEqual([LONG_STEPS, LONG_STEPS]);
    const apart = Math.max(...losses.map((loss, step) => Math.abs(loss - twin[step]!)));
    expect(apart).toBeLessThan(0.05);
    figure(
      `training: the loss of ${LONG_STEPS} steps (from ${losses[0]!.toFixed(2)} to ${losses.at(-1)!.toFixed(2)}) and that of the twin in double precision are apart by at most`,
      apart.toExponential(1),
    );
  });

  // One that was killed is tried below, and takes a software adapter as long.
  it.skipIf(count(0, 1) === 0)('that was interrupted goes on bit for bit', async () => {
    const folder = path('interrupted');
    const process = new FakeProcess({ graceMs: 60_000 });
    const running = process.run(COMMANDS, '--json', ...trainTo(folder));
    while (!process.stdout.text.includes('"step":3,')) {
      await new Promise<void>((resolve) => process.stdout.onWrite(resolve));
    }
    process.interrupt();
    expect((await running).exit).toBe(130);
    // What a killed run wrote behind its state is made again.
    await writeFile(`${folder}/train.jsonl`, '{"step":99}\n', { flag: 'a' });
    expect((await mmfreeJson('train', path('text.txt'), '-o', folder, '--resume')).exit).toBe(0);
    expect(await linesOf(folder)).toEqual(await linesOf(path('tale')));
    const [one, other] = [folder, path('tale')].map((name) => readFile(`${name}/model.safetensors`));
    expect((await one)!.equals((await other)!)).toBe(true);
  });

  it('that was killed at any moment goes on bit for bit', async () => {
    const wanted = await linesOf(path('tale'));
    for (let round = 0; round < count(1, 20); round++) {
      const folder = path(`killed-${round}`);
      const args = [...trainTo(folder), '--save-every', '0'];
      const child = startCompiled(...args);
      const ended = once(child, 'exit');
      // Wherever it is then: which moment it is does not matter.
      while ((await stepsIn(folder)) < 1 + (round % (STEPS - 2))) await setTimeout(5 + ((7 * round) % 31));
      child.kill('SIGKILL');
      await ended;
      expect((await mmfreeJson('train', path('text.txt'), '-o', folder, '--resume', '--half')).exit).toBe(0);
      expect(await linesOf(folder)).toEqual(wanted);
      const sizes = [folder, path('tale')].map(async (name) => (await stat(`${name}/model.safetensors`)).size);
      expect(await sizes[0]).toBeLessThan(0.6 * (await sizes[1]!));
    }
    figure(
      'training: runs killed at a moment and resumed, whose loss curve has other bits than one left alone',
      `0 of ${count(1, 20)}`,
    );
  });

  it('is learned no further when the loss is no number: exit code 21, and the last good checkpoint is there', async () => {
    const folder = path('spoilt');
    await mkdir(path('bad'), { recursive: true });
    for (const name of ['config.json', 'tokenizer.json', 'model.safetensors']) {
      await writeFile(path(`bad/${name}`), await readFile(path(`tale/${name}`)));
    }
    // A gain whose square is infinite in float32.
    const model = await readFile(path('bad/model.safetensors'));
    const header = JSON.parse(model.subarray(8, 8 + Number(model.readBigUInt64LE(0))).toString()) as Record<
      string,
      { data_offsets: number[] }
    >;
    const at = 8 + Number(model.readBigUInt64LE(0)) + header['model.norm.weight']!.data_offsets[0]!;
    model.writeFloatLE(3e38, at);
    await writeFile(path('bad/model.safetensors'), model);
    const { exit, result } = await mmfreeJson(...spoiltTo(folder));
    expect(exit).toBe(21);
    expect(result['error']).toMatchObject({ code: 'train-diverged', facts: { step: 1 } });
    expect((await readFile(`${folder}/model.safetensors`)).equals(model)).toBe(true);
  });
});

/** A disk of its own, in a container, which takes one state and not the next one; what is on it is copied before it goes. */
const SMALL_DISK =
  'mount -t tmpfs -o size=300k tmpfs "$1" && disk=$1 kept=$2 && shift 2; "$@"; exit=$?; cp -r "$disk" "$kept"; exit $exit';
const CONTAINER = ['--user', '--map-root-user', '--mount'];
const mayMount = spawnSync('unshare', [...CONTAINER, 'true']).status === 0;

/** @param kept where what was on the disk is afterwards */
async function runOnSmallDisk(kept: string, ...args: string[]) {
  await mkdir(path('disk'), { recursive: true });
  const program = [process.execPath, inRoot('dist/cli/main.js'), '--json', ...args];
  const { status, stdout } = spawnSync(
    'unshare',
    [...CONTAINER, 'sh', '-c', SMALL_DISK, 'sh', path('disk'), kept, ...program],
    { encoding: 'utf8' },
  );
  return { exit: status, result: JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, unknown> };
}

describe.runIf(hasGpu && mayMount && count(0, 1) === 1)('a disk that is full', () => {
  figureOfCases('training: ends on a disk that is full, each told with what is left');

  it('does not hide that the loss is no number', async () => {
    const { exit, result } = await runOnSmallDisk(path('kept-spoilt'), ...spoiltTo(path('disk/spoilt')));
    expect(exit).toBe(21);
    expect(result['error']).toMatchObject({ code: 'train-diverged', facts: { step: 1, saved: 0 } });
    expect((await readdir(path('kept-spoilt/spoilt'))).toSorted()).toEqual(
      ['config.json', 'run.json', 'state.safetensors', 'tokenizer.json', 'train.jsonl'].toSorted(),
    );
  });

  it('ends a run with exit code 8, and with more room it goes on bit for bit', async () => {
    const { exit, result } = await runOnSmallDisk(path('kept'), ...trainTo(path('disk/full'), '--save-every', '0'));
    expect(exit).toBe(8);
    expect(result).toMatchObject({
      error: { code: 'train-unwritable', facts: { step: 0 }, fix: expect.stringContaining('--resume') as string },
    });
    const resumed = await mmfreeJson('train', path('text.txt'), '-o', path('kept/full'), '--resume');
    expect(resumed.exit).toBe(0);
    expect(await linesOf(path('kept/full'))).toEqual(await linesOf(path('tale')));
    expect((await readdir(path('kept/full'))).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('input that cannot be learned', () => {
  figureOfCases('training: texts, tokenizers, folders and options that cannot be taken, each refused by name');

  it.each([
    ['an empty file', 'train-no-text', () => writeFile(path('x.txt'), '')],
    ['a binary file', 'train-bad-text', () => writeFile(path('x.txt'), Uint8Array.of(104, 0, 105))],
    ['what is not UTF-8', 'train-bad-text', () => writeFile(path('x.txt'), Uint8Array.of(0xff, 0xfe))],
    ['a giant line behind good ones', 'train-bad-text', () => writeFile(path('x.txt'), TEXT + 'a'.repeat(2 ** 21))],
    ['one giant line', 'train-bad-text', () => writeFile(path('x.txt'), 'a'.repeat(2 ** 21))],
    [
      'a file of 100 GB',
      'train-bad-text',
      () => writeFile(path('x.txt'), '').then(() => truncate(path('x.txt'), 1e11)),
    ],
  ])('%s', async (_, code, make) => {
    await make();
    const { exit, result } = await mmfreeJson('train', path('x.txt'), '-o', path('never'));
    expect([exit, result['error']]).toEqual([2, expect.objectContaining({ code })]);
    await rm(path('x.txt'));
  });

  it.each([
    ['a folder that holds something', 'train-folder-taken', 2, 'taken', []],
    ['options that settle the same thing', 'conflicting-options', 2, 'never', ['--steps', '3', '--minutes', '3']],
    ['a new recipe for an old run', 'conflicting-options', 2, 'never', ['--resume', '--rate', '0.1']],
  ])('into %s', async (_, code, exit, folder, args) => {
    await mkdir(path('taken'), { recursive: true });
    await writeFile(path('taken/something'), 'x');
    const run = await mmfreeJson('train', path('text.txt'), '-o', path(folder), ...args);
    expect([run.exit, run.result['error']]).toEqual([exit, expect.objectContaining({ code })]);
  });

  const NAMED = ['--tokenizer', 'tokenizer.json'];
  const pathsIn = (args: readonly string[]): string[] => args.map((arg) => (arg.startsWith('-') ? arg : path(arg)));
  const BYTES = { type: 'ByteLevel', add_prefix_space: false };
  const vocabularyOf = (tokens: number): object => ({
    model: { type: 'BPE', vocab: { a: tokens - 1 }, merges: [] },
    pre_tokenizer: BYTES,
    decoder: BYTES,
  });

  it.runIf(hasGpu).each([
    ['with a tokenizer that is empty', '', NAMED, { from: 'file' }, 'The file is empty.'],
    ['with a tokenizer that is none', 'hello', NAMED, { from: 'file' }, 'is not a JSON object'],
    [
      'with a tokenizer of too many tokens',
      vocabularyOf(1e9),
      NAMED,
      { from: 'file' },
      'a model has 65536 tokens at most',
    ],
    [
      'with a tokenizer of more tokens than the model',
      vocabularyOf(301),
      [...NAMED, '--config', 'config.json'],
      { from: 'file', model_tokens: 300 },
      'a token with the id 300, and the model has 300 tokens',
    ],
    [
      'with a model of fewer tokens than any tokenizer',
      '',
      ['--config', 'bytes.json'],
      { from: 'text', model_tokens: 256 },
      '257 at least',
    ],
  ])('%s', async (_, file, args, facts, reason) => {
    await writeFile(path('tokenizer.json'), typeof file === 'string' ? file : JSON.stringify(file));
    await writeFile(path('bytes.json'), JSON.stringify({ ...CONFIG, vocab_size: 256 }));
    const { exit, result } = await mmfreeJson('train', path('text.txt'), '-o', path('never'), ...pathsIn(args));
    expect([exit, result['error']]).toEqual([2, expect.objectContaining({ code: 'train-bad-tokenizer' })]);
    expect(result['error']).toMatchObject({ facts, cause: expect.stringContaining(reason) as string });
    // Nothing of packing or of a published model, which there is none of.
    expect((result['error'] as Record<string, string>)['fix']).toMatch(/--tokenizer/);
  });

  it.runIf(hasGpu)('with less held-out text than a window, before anything is written', async () => {
    await writeFile(path('short.txt'), 'hi there');
    const { exit, result } = await mmfreeJson(...trainTo(path('never'), '--held-out', path('short.txt')));
    expect([exit, result['error']]).toEqual([2, expect.objectContaining({ code: 'train-too-little-text' })]);
    expect(result['error']).toMatchObject({ message: expect.stringContaining('the held-out text') as string });
    expect(await readdir(path('.'))).not.toContain('never');
  });

  it('that is held out', async () => {
    const { exit, result } = await mmfreeJson(...trainTo(path('never'), '--held-out', path('text.txt')));
    expect([exit, result['error']]).toEqual([2, expect.objectContaining({ code: 'train-no-text' })]);
  });

  it.skipIf(hasGpu)('on a computer without a GPU', async () => {
    const { exit, result } = await mmfreeJson('train', path('text.txt'), '-o', path('never'));
    // Where the package is not there, that is told.
    expect([exit, result['error']]).toEqual([18, expect.objectContaining({ code: 'train-no-gpu' })]);
  });

  it.runIf(hasGpu)('as a model with parts that no adapter binds', async () => {
    await writeFile(path('huge.json'), JSON.stringify({ ...CONFIG, hidden_size: 8192, intermediate_size: 8192 }));
    const args = ['train', path('text.txt'), '-o', path('never'), '--config', path('huge.json'), '--batch', '1'];
    const { exit, result } = await mmfreeJson(...args);
    expect([exit, result['error']]).toEqual([7, expect.objectContaining({ code: 'train-too-large' })]);
  });

  it('without a run to go on with, before the text is read', async () => {
    const { stderr, exit } = await mmfree('train', path('missing.txt'), '-o', path('nowhere'), '--resume');
    expect(exit).toBe(2);
    expect(stderr.text).toContain('there is no run.json');
  });

  it.runIf(hasGpu)('as a run whose recipe was changed to one that no adapter binds', async () => {
    await cp(path('tale'), path('changed'), { recursive: true });
    const kept = JSON.parse(await readFile(path('changed/run.json'), 'utf8')) as { recipe: object };
    const recipe = { ...kept.recipe, batch: 1e9, microBatch: 1e9 };
    await writeFile(path('changed/run.json'), JSON.stringify({ ...kept, recipe }));
    const { exit, result } = await mmfreeJson('train', path('text.txt'), '-o', path('changed'), '--resume');
    expect([exit, result['error']]).toEqual([7, expect.objectContaining({ code: 'train-too-large' })]);
  });

  it('in a folder in which another command trains', async () => {
    await mkdir(path('busy'), { recursive: true });
    const recipe = { context: 4, batch: 1, microBatch: 1, steps: 3, rate: 1, warmUp: 0, decay: 0, clip: 1, seed: '1' };
    await writeFile(path('busy/run.json'), JSON.stringify({ recipe }));
    const lock = new FolderLock();
    lock.take(path('busy'));
    try {
      const { exit, result } = await mmfreeJson('train', path('text.txt'), '-o', path('busy'), '--resume');
      expect([exit, result['error']]).toEqual([2, expect.objectContaining({ code: 'train-folder-in-use' })]);
    } finally {
      lock.release();
    }
  });
});
