/** `--trace`, at both ends of a wire. */

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { goodImage } from '../../helpers/good-image.js';
import { mmfree, mmfreeJson, startBoard, temporaryFolder, type RunningBoard } from '../../helpers/command-line.js';

const path = temporaryFolder();
const running: RunningBoard[] = [];

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(async () => {
  for (const board of running.splice(0)) await board.stop();
  vi.unstubAllEnvs();
});

interface Line extends Record<string, unknown> {
  readonly ms: number;
}

function linesOf(file: string): Line[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as Line); // prettier-ignore
}

/** What a trace says of messages, whichever end it is of. */
function messages(lines: readonly Line[]): unknown[] {
  return lines
    .filter(({ kind }) => kind === 'data')
    .map(({ to, name, sequence, fields }) => ({ to, name, sequence, fields }));
}

it('writes the same frames on both sides, in order', async () => {
  writeFileSync(path('image'), goodImage(1, { tokenizer: new Uint8Array(0) }));
  const board = await startBoard('--tcp', '127.0.0.1:0', '--image', path('image'), '--trace', path('board.jsonl'));
  running.push(board);
  const options = ['--board', board.selector, '--image', path('image'), '--ids', '--max-tokens', '3', '1 2'];
  expect((await mmfree('run', ...options, '--trace', path('host.jsonl'))).exit).toBe(0);
  await board.stop();
  running.pop();
  for (const name of ['host.jsonl', 'board.jsonl']) expect(statSync(path(name)).mode & 0o777).toBe(0o600);
  const [host, there] = [linesOf(path('host.jsonl')), linesOf(path('board.jsonl'))];
  expect(host[0]).toMatchObject({ kind: 'start', program: expect.stringContaining('mmfree') });
  expect(host[1]).toMatchObject({ kind: 'open', wire: 1, name: board.selector });
  expect(host.at(-1)).toMatchObject({ kind: 'close', reason: 'closed by the host' });
  expect(host.slice(1).every(({ ms }, index, all) => ms >= (all[index - 1]?.ms ?? 0))).toBe(true);
  expect(messages(host)[0]).toMatchObject({ to: 'host', name: 'HELLO', fields: { board: 'virtual' } });
  const tokens = host.filter(({ name }) => name === 'TOKEN');
  expect(tokens.map(({ fields }) => (fields as { index: number }).index)).toEqual([0, 1, 2]);
  const seen = (to: string, lines: readonly Line[]): unknown[] => messages(lines.filter((line) => line['to'] === to));
  for (const to of ['board', 'host']) expect(seen(to, there)).toEqual(seen(to, host));
});

it('never takes the place of anything', async () => {
  writeFileSync(path('there'), 'mine');
  const { result } = await mmfreeJson('boards', '--trace', path('there'));
  expect(result).toMatchObject({ exit: 2, error: { message: `${path('there')}: file already exists` } });
  expect(readFileSync(path('there'), 'utf8')).toBe('mine');
});
