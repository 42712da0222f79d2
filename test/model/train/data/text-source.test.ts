import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { beforeEach, expect, it, vi } from 'vitest';
import { surveyed, type Corpus } from '../../../../model/train/data/corpus.js';
import { marksOf } from '../../../../model/train/data/held-out.js';
import { TextSource } from '../../../../model/train/data/text-source.js';
import { temporaryFolder } from '../../../helpers/command-line.js';

const path = temporaryFolder();
const signal = new AbortController().signal;
const TEXT = 'one\n<|endoftext|>\ntwo\n<|endoftext|>\nthree';

beforeEach(async () => {
  await mkdir(path('tmp'), { recursive: true });
  vi.stubEnv('TMPDIR', path('tmp'));
  return () => vi.unstubAllEnvs();
});

async function textsOf(corpus: Corpus): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of corpus.pieces()) texts.push(text);
  return texts;
}

it('a corpus is its text without what is held out, as often as it is read', async () => {
  await writeFile(path('text.txt'), TEXT);
  await writeFile(path('held.txt'), ' two ');
  const held = await marksOf(new TextSource([path('held.txt')], signal).pieces());
  const corpus = await surveyed(new TextSource([path('text.txt')], signal), held);
  expect(corpus).toMatchObject({ documents: 3, leftOut: 1, characters: 8 });
  for (const _ of [1, 2]) expect(await textsOf(corpus)).toEqual(['one', 'three']);
});

it.skipIf(process.platform === 'win32')('what comes from a pipe is kept until the end', async () => {
  spawnSync('mkfifo', [path('pipe')]);
  const written = writeFile(path('pipe'), TEXT);
  const source = new TextSource([path('pipe')], signal);
  const corpus = await surveyed(source);
  await written;
  expect(await textsOf(corpus)).toEqual(['one', 'two', 'three']);
  expect(await readdir(path('tmp'))).toHaveLength(1);
  await source.close();
  expect(await readdir(path('tmp'))).toEqual([]);
  expect(existsSync(path('pipe'))).toBe(true);
});

it('that is another one when it is read again is refused', async () => {
  await writeFile(path('grows.txt'), TEXT);
  const corpus = await surveyed(new TextSource([path('grows.txt')], signal));
  await appendFile(path('grows.txt'), 's');
  await expect(textsOf(corpus)).rejects.toMatchObject({ code: 'train-bad-text' });
});
