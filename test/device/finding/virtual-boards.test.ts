import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { announceVirtualBoard } from '../../../device/finding/announce-virtual-board.js';
import { processMark } from '../../../device/finding/process-mark.js';
import { listVirtualBoards } from '../../../device/finding/virtual-boards.js';
import { entryText } from '../../../protocol/virtual-board-entry.js';
import type { VirtualBoardEntry } from '../../../protocol/virtual-board-entry.js';
import { temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();
const MODULE = new URL('../../../dist/device/finding/virtual-boards.js', import.meta.url).href;

let count = 0;
let folder = '';
let env: Record<string, string> = {};

beforeEach(() => {
  folder = path(`boards-${count++}`);
  env = { MMFREE_RUNTIME_DIR: folder };
});

const entry = (serial: string, pid = process.pid): VirtualBoardEntry => ({ pid, serial, addresses: ['tcp:[::1]:9'] });

/** The number of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '0']).pid;
}

/** Puts a file into the folder as another process would. */
function put(name: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const OWN_NAME = new RegExp(`^${process.pid}-[0-9a-f]{8}\\.json$`);

describe('a virtual board', () => {
  it('is listed from when it is announced until that is taken back', () => {
    expect(listVirtualBoards(env)).toEqual([]);
    const forget = announceVirtualBoard(entry('A'), env);
    expect(listVirtualBoards(env)).toEqual([entry('A')]);
    forget();
    expect(listVirtualBoards(env)).toEqual([]);
    // Twice does no harm.
    forget();
  });

  it('leaves nothing but its entry, which only its user can read', () => {
    announceVirtualBoard(entry('A'), env);
    const [name = '', ...others] = readdirSync(folder);
    expect([name, others]).toEqual([expect.stringMatching(OWN_NAME), []]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  it('takes away what processes that were killed have left, and nothing else', () => {
    const dead = deadPid();
    put(`${dead}-0123abcd.json`, entryText(entry('dead', dead)));
    put('1-0123abcd.json', entryText(entry('alive', 1)));
    put('notes.json', 'not ours');
    announceVirtualBoard(entry('A'), env);
    const others = readdirSync(folder).filter((name) => !OWN_NAME.test(name));
    expect(others.toSorted()).toEqual(['1-0123abcd.json', 'notes.json']);
  });

  it('takes no entry away that is of the same process number in another container', () => {
    announceVirtualBoard(entry('A'), env);
    announceVirtualBoard(entry('B'), env);
    expect(listVirtualBoards(env)).toEqual([entry('A'), entry('B')]);
  });

  it('writes into its own file, not through a link that someone put in its way', () => {
    const victim = put('victim', 'precious');
    symlinkSync(victim, join(folder, `${process.pid}.json.new`));
    announceVirtualBoard(entry('A'), env);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(listVirtualBoards(env)).toEqual([entry('A')]);
  });
});

/** A process that was killed in a container leaves an entry there; the next one has its number, which is 1. */
describe.skipIf(process.platform !== 'linux')('a process number', () => {
  const mark = processMark(process.pid)!;
  const name = `${process.pid}-0123abcd.json`;

  it('that came again is not taken for the process before, which used to make two boards of one', () => {
    put(name, entryText({ ...entry('A'), mark: { ...mark, started: `${Number(mark.started) - 1}` } }));
    expect(listVirtualBoards(env)).toEqual([]);
    announceVirtualBoard(entry('A'), env);
    expect(listVirtualBoards(env)).toEqual([entry('A')]);
    expect(readdirSync(folder)).not.toContain(name);
  });

  it('of another container means nothing here, and its entry stays', () => {
    put(name, entryText({ ...entry('A'), mark: { ...mark, namespace: 'pid:[1]' } }));
    announceVirtualBoard(entry('B'), env);
    expect(listVirtualBoards(env)).toEqual([entry('B')]);
    expect(readdirSync(folder)).toContain(name);
  });

  it('of a process that has ended, and that nobody has waited for, is that of none', async ({ onTestFinished }) => {
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void parent.kill());
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line);
    const sees = async (file: string, text: string): Promise<void> =>
      await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toContain(text), 60_000);
    // The shell would wait for its child; what takes its place does not know of it.
    await sees(`/proc/${parent.pid}/comm`, 'sleep');
    process.kill(pid, 'SIGKILL');
    await sees(`/proc/${pid}/stat`, ') Z ');
    expect(processMark(pid)).toBeUndefined();
  });
});

describe('the list', () => {
  it('is in the order of the serial numbers', () => {
    for (const serial of ['B', 'C', 'A']) put(`${serial}.json`, entryText(entry(serial)));
    expect(listVirtualBoards(env).map(({ serial }) => serial)).toEqual(['A', 'B', 'C']);
  });

  it.each<[string, () => void]>([
    ['of a process that has ended', () => put('a.json', entryText(entry('A', deadPid())))],
    ['of a process number that no system has', () => put('a.json', entryText(entry('A', 2 ** 40)))],
    ['with another ending', () => put('a.json.new', entryText(entry('A')))],
    ['that is too long', () => put('a.json', entryText(entry('A')) + ' '.repeat(4096))],
    ['that is cut short', () => put('a.json', entryText(entry('A')).slice(0, -3))],
    ['that is empty', () => put('a.json', '')],
    ['that is a folder', () => mkdirSync(join(folder, 'a.json'), { recursive: true })],
    ['that leads nowhere', () => symlinkSync('nowhere', join(folder, 'a.json'))],
  ])('leaves out an entry %s', (_, make) => {
    put('b.json', entryText(entry('B')));
    make();
    expect(listVirtualBoards(env)).toEqual([entry('B')]);
  });

  it.skipIf(process.getuid?.() !== 0)('leaves out what another user wrote', () => {
    put('b.json', entryText(entry('B')));
    chownSync(put('a.json', entryText(entry('A'))), 65_534, 65_534);
    expect(listVirtualBoards(env)).toEqual([entry('B')]);
  });

  // Opening a pipe waits for a writer, in a call that no signal but a kill ends: hence another process.
  it.skipIf(process.platform === 'win32')('does not wait for a pipe that lies there', () => {
    put('b.json', entryText(entry('B')));
    execFileSync('mkfifo', [join(folder, 'a.json')]);
    const script = `const { listVirtualBoards } = await import(${JSON.stringify(MODULE)});
      console.log(JSON.stringify(listVirtualBoards(${JSON.stringify(env)})));`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 4000,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
    });
    expect([child.signal, child.stdout]).toEqual([null, `${JSON.stringify([entry('B')])}\n`]);
  });
});
