/** `eval` starts threads of compiled code, so these tests use the compiled program. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  compiledJson,
  GOLDEN_A,
  mmfreeJson,
  TALES,
  TALES_IMAGE,
  temporaryFolder,
  writeTextCheckpoint,
} from '../../helpers/command-line.js';

const path = temporaryFolder();
const TEXT = join(TALES, 'validation.txt');

beforeAll(async () => {
  await writeTextCheckpoint(path('tiny'));
  await mmfreeJson('pack', path('tiny'), '-o', path('tiny.mmfree'));
  await writeFile(path('text.txt'), 'the fox in the inner garden, the tiger in the other. '.repeat(10));
  await writeFile(path('short.txt'), 'a');
  await writeFile(path('bytes.txt'), Uint8Array.of(0x61, 0xff, 0xfe));
});

describe('the loss', () => {
  it('of image and checkpoint is nearly the same', async () => {
    const common = ['--text', TEXT, '--context', '64', '--windows', '2', '--threads', '2'];
    const [image, checkpoint] = [
      await compiledJson('eval', '--image', TALES_IMAGE, ...common),
      await compiledJson('eval', '--checkpoint', TALES, ...common),
    ];
    for (const { exit, result } of [image, checkpoint]) {
      expect(exit).toBe(0);
      expect(result).toMatchObject({ tokens: 128, windows: 2, context: 64 });
      expect(result['perplexity']).toBeCloseTo(Math.exp(Number(result['loss'])), 9);
      expect(result['loss']).toBeGreaterThan(3);
    }
    expect(Number(image.result['loss']) / Number(checkpoint.result['loss'])).toBeCloseTo(1, 1);
  });

  it('does not depend on the number of threads', async () => {
    const evaluate = (threads: string): ReturnType<typeof compiledJson> =>
      compiledJson(
        'eval',
        '--image',
        path('tiny.mmfree'),
        '--text',
        path('text.txt'),
        '--context',
        '16',
        '--threads',
        threads,
      );
    const [one, many] = [await evaluate('1'), await evaluate('5')];
    const losses = many.result['window_losses'] as number[];
    expect(losses.length).toBeGreaterThan(5);
    expect(losses).toEqual(one.result['window_losses']);
    // An event for each window, in any order.
    const events = many.events.filter(({ type }) => type === 'window');
    expect(events.map(({ window, loss }) => losses[Number(window)] === loss)).toEqual(losses.map(() => true));
    expect(many.result['loss']).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / losses.length, 12);
  });
});

describe('a command line that it refuses', () => {
  const checkpoint = (): string[] => ['--checkpoint', path('tiny')];

  it.each<[string, () => string[], number, string, string]>([
    ['neither image nor checkpoint', () => ['--text', TEXT], 2, 'either --image or --checkpoint', 'exactly one'],
    [
      'both',
      () => ['--text', TEXT, '--image', TALES_IMAGE, ...checkpoint()],
      2,
      'either --image or --checkpoint',
      'exactly one',
    ],
    [
      'a backend for the float model',
      () => ['--text', TEXT, '--backend', 'gpu', ...checkpoint()],
      2,
      '--backend and --checkpoint exclude each other',
      'Leave --backend out',
    ],
    ['no text', checkpoint, 2, '--text <file> is missing', 'Add --text'],
    ['a text that is not there', () => ['--text', 'no/file', ...checkpoint()], 2, 'no/file: no such file', 'path'],
    ['a folder for a text', () => ['--text', TALES, ...checkpoint()], 2, `${TALES} is a folder`, 'Write it to a file'],
    ['a text that is not UTF-8', () => ['--text', path('bytes.txt'), ...checkpoint()], 2, '--text is', '--text'],
    [
      'a text shorter than a window',
      () => ['--text', path('short.txt'), ...checkpoint()],
      2,
      'short.txt is too short',
      '--context',
    ],
    [
      'a checkpoint without a tokenizer',
      () => ['--text', TEXT, '--checkpoint', GOLDEN_A],
      6,
      'without a tokenizer',
      'Put tokenizer.json into the checkpoint folder',
    ],
    [
      'a checkpoint that is not there',
      () => ['--text', TEXT, '--checkpoint', 'no/folder'],
      6,
      'no/folder',
      'config.json',
    ],
    ['an image that is not there', () => ['--text', TEXT, '--image', 'no/file'], 6, 'no/file', 'path'],
  ])('is one with %s', async (_title, args, exit, message, fix) => {
    // Refused before threads start, so in memory.
    const { result, ...run } = await mmfreeJson('eval', ...args());
    expect(run.exit).toBe(exit);
    expect(result['error']).toMatchObject({
      message: expect.stringContaining(message),
      fix: expect.stringContaining(fix),
    });
  });
});

// The error comes from a thread; it used to lose its class on the way, and with it the cause and the fix.
it('tells of a weight that is not a number like `pack`', async () => {
  await writeTextCheckpoint(path('nan'), (tensors) => {
    const { bytes } = tensors.find(({ name }) => name === 'model.norm.weight')!;
    new DataView(bytes.buffer).setFloat32(4, NaN, true);
  });
  const packed = await mmfreeJson('pack', path('nan'), '-o', path('nan.mmfree'));
  const evaluated = await compiledJson(
    'eval',
    '--checkpoint',
    path('nan'),
    '--text',
    path('text.txt'),
    '--context',
    '9',
  );
  expect([packed.exit, evaluated.exit]).toEqual([6, 6]);
  expect(evaluated.result['error']).toEqual(packed.result['error']);
  expect(evaluated.result['error']).toMatchObject({
    code: 'checkpoint-not-finite',
    facts: { tensor: 'model.norm.weight', index: 1 },
  });
});
