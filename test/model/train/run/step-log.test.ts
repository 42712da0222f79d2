/** What is left of a run, damaged. */
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { readKeptRecipe } from '../../../../model/train/run/kept-recipe.js';
import { readState, saveState } from '../../../../model/train/run/save.js';
import { linesUpTo, loggedStep } from '../../../../model/train/run/step-log.js';
import { temporaryFolder } from '../../../helpers/command-line.js';

const path = temporaryFolder();
const line = (step: number): string => `{"step":${step},"loss":${8 - step}}`;
const TORN = '\0'.repeat(40);

beforeEach(async () => {
  await rm(path('run'), { recursive: true, force: true });
  await mkdir(path('run'));
});

describe('the lines of a run', () => {
  it.each([
    ['all are there', [line(1), line(2), line(3)], [1, 2, 3]],
    ['a killed run wrote more', [line(1), line(2), line(3), line(4), line(5)], [1, 2, 3]],
    ['a power cut left zeros in place of the last ones', [line(1), TORN], [1]],
    ['one is cut short', [line(1), line(2), '{"step":3,"lo'], [1, 2]],
    ['one in the middle is damaged', [line(1), '{"step":2,"loss":null}', line(3)], [1, 3]],
    ['two runs wrote them', [line(1), line(1), line(2), line(2), line(3)], [1, 2, 3]],
    ['they are something else', ['[1]', 'null', '{"step":"1","loss":2}', '{"step":1.5,"loss":2}'], []],
    ['there are none', [], []],
  ])('are read where %s', async (_, lines, steps) => {
    await writeFile(path('run/train.jsonl'), lines.map((each) => `${each}\n`).join(''));
    expect((await linesUpTo(path('run'), 3)).map((each) => loggedStep(each)?.step)).toEqual(steps);
  });

  it('may be gone', async () => {
    expect(await linesUpTo(path('run'), 3)).toEqual([]);
  });
});

it('a pipe in place of a file is refused, and nobody waits for its writer', async () => {
  expect(spawnSync('mkfifo', [path('run/train.jsonl'), path('run/run.json')]).status).toBe(0);
  await expect(linesUpTo(path('run'), 3)).rejects.toMatchObject({ code: 'input-not-a-file' });
  await expect(readKeptRecipe(path('run'))).rejects.toMatchObject({ code: 'train-cannot-resume' });
});

it.each([-1, 0.5, 4, 1e9])('a state of step %d is none of a run of three steps', async (step) => {
  const floats = Float32Array.of(1);
  const state = { parameters: floats, first: floats, second: floats };
  await saveState(path('run'), step, state);
  await expect(readState(path('run'), 3)).rejects.toMatchObject({ code: 'train-cannot-resume' });
  await saveState(path('run'), 3, state);
  expect(await readState(path('run'), 3)).toEqual({ step: 3, state });
});

it('a state in which a bit has changed is refused', async () => {
  const floats = Float32Array.of(1, 2, 3);
  await saveState(path('run'), 3, { parameters: floats, first: floats, second: floats });
  const file = path('run/state.safetensors');
  const sound = await readFile(file);
  const dataAt = 8 + Number(sound.readBigUInt64LE());
  for (let at = dataAt; at < sound.length; at++) {
    const bytes = Buffer.from(sound);
    bytes[at]! ^= 1;
    await writeFile(file, bytes);
    await expect(readState(path('run'), 3), `byte ${at}`).rejects.toMatchObject({ code: 'train-cannot-resume' });
  }
});
