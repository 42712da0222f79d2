/** Several tokens that end a text, from a checkpoint to the end of a run. */

import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  mmfree,
  mmfreeJson,
  startBoard,
  temporaryFolder,
  writeTextCheckpoint,
  type RunningBoard,
} from '../../helpers/command-line.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';

const path = temporaryFolder();
const running: RunningBoard[] = [];
const HOT = ['--temperature', '10', '--top-k', '64', '--max-tokens', '500', '--ids'];

beforeAll(async () => {
  const sections = tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63, eosTokenIds: [8, 21, 40, 63] });
  await writeFile(path('several.mmfree'), goodImageOf(sections, { tokenizer: new Uint8Array(0) }));
  await writeTextCheckpoint(path('checkpoint'));
});

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(async () => {
  for (const board of running.splice(0)) await board.stop();
  vi.unstubAllEnvs();
});

describe('pack', () => {
  const packed = async (name: string, generation?: string): Promise<Buffer> => {
    await rm(path('checkpoint/generation_config.json'), { force: true });
    if (generation !== undefined) await writeFile(path('checkpoint/generation_config.json'), generation);
    expect((await mmfreeJson('pack', path('checkpoint'), '-o', path(name))).exit).toBe(0);
    return await readFile(path(name));
  };

  // The second one used to be left out without a word, and texts ran on past it.
  it('takes them from generation_config.json, and inspect lists them', async () => {
    await packed('both.mmfree', '{"eos_token_id": [7, 2], "temperature": 0.7}');
    expect((await mmfreeJson('inspect', path('both.mmfree'))).result).toMatchObject({ eos_token_ids: [2, 7] });
    expect((await mmfree('inspect', path('both.mmfree'))).stdout.lines).toContain(
      'end of text   any of the tokens 2, 7',
    );
  });

  it('of one token makes the image that it made before there could be several', async () => {
    const plain = await packed('plain.mmfree');
    expect((await packed('one.mmfree', '{"eos_token_id": [2]}')).equals(plain)).toBe(true);
    expect(plain.includes('eos_token_ids')).toBe(false);
    expect((await mmfreeJson('inspect', path('plain.mmfree'))).result).toMatchObject({ eos_token_ids: [2] });
  });
});

/** Ids of a run, and why it ended. */
async function finishOf(seed: number, ...source: string[]): Promise<unknown> {
  const { exit, events, result } = await mmfreeJson('run', ...source, ...HOT, '--seed', String(seed), '1');
  expect(exit).toBe(0);
  return [events.filter(({ type }) => type === 'token').map(({ id }) => id), result['finish']];
}

describe('run', () => {
  it('ends with whichever comes first, on the reference and on a board', async () => {
    const board = await startBoard('--image', path('several.mmfree'));
    running.push(board);
    const endings = new Set<unknown>();
    for (const seed of [1, 2, 3]) {
      const expected = await finishOf(seed, '--backend', 'reference', '--image', path('several.mmfree'));
      const [ids, finish] = expected as [number[], string];
      expect(finish).toBe('end-of-text');
      endings.add(ids.at(-1));
      // The first reads them back from the board, the others from the file.
      const onBoard = ['--board', board.selector];
      expect(await finishOf(seed, ...onBoard)).toEqual(expected);
      expect(await finishOf(seed, ...onBoard, '--image', path('several.mmfree'), '--check')).toEqual(expected);
      expect(await finishOf(seed, ...onBoard, '--sampling', 'host')).toEqual(expected);
    }
    expect([...endings].every((id) => [8, 21, 40, 63].includes(Number(id)))).toBe(true);
    expect([...endings].some((id) => id !== 63)).toBe(true);
  });
});
