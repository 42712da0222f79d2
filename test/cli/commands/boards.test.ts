import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { COMMANDS, mmfree, mmfreeJson, startBoard, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import type { RunningBoard } from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { newSigner } from '../../helpers/signer.js';

const path = temporaryFolder();
const running: RunningBoard[] = [];

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(async () => {
  for (const board of running.splice(0)) await board.stop();
  vi.unstubAllEnvs();
});

async function start(...options: string[]): Promise<RunningBoard> {
  const board = await startBoard(...options);
  running.push(board);
  return board;
}

describe('boards', () => {
  it('says when there are none, and how to get one', async () => {
    const { exit, stdout } = await mmfree('boards');
    expect([exit, stdout.text]).toEqual([0, expect.stringContaining('mmfree virtual-board')]);
    expect((await mmfreeJson('boards')).result).toMatchObject({ exit: 0, boards: 0 });
  });

  it('shows a virtual board with its facts', async () => {
    const { selector } = await start('--serial-number', 'T-1', '--image', TALES_IMAGE, '--minimum-revision', '0');
    const { events, result } = await mmfreeJson('boards');
    expect(result).toMatchObject({ exit: 0, boards: 1 });
    expect(events.find(({ type }) => type === 'board')).toMatchObject({
      selector,
      kind: 'virtual',
      serial: 'T-1',
      state: 'idle',
      slots: 2,
      sector_bytes: 4096,
      signer: null,
      steps: 0,
      image: { name: 'tales-9m', revision: 0, confirmed: true },
    });
    const { stdout } = await mmfree('boards');
    expect(stdout.lines).toEqual([
      `${selector}  virtual board`,
      expect.stringMatching(/^ {2}virtual T-1, firmware \S+, idle, up \d+ s, 0 tokens$/),
      expect.stringMatching(/^ {2}tales-9m, revision 0, sha256 [0-9a-f]{16}…$/),
    ]);
  });

  it('shows a board that another host holds, which does not notice', async () => {
    const { selector } = await start('--image', TALES_IMAGE);
    const holder = new FakeProcess();
    const first = new Promise<void>((resolve) => holder.stdout.onWrite(resolve));
    const run = holder.run(COMMANDS, 'run', '--board', selector, '--max-tokens', '40', '--temperature', '0', 'Once');
    await first;
    const { exit, events } = await mmfreeJson('boards');
    expect(exit).toBe(0);
    expect(events.find(({ type }) => type === 'board')).toMatchObject({ selector, state: 'board-busy' });
    expect((await mmfreeJson('boards', '--board', selector)).exit).toBe(5);
    expect((await mmfreeJson('run', '--board', selector, 'x')).exit).toBe(5);
    const alone = await mmfree('run', '--backend', 'reference', '--max-tokens', '40', '--temperature', '0', 'Once');
    expect((await run).stdout.text).toBe(alone.stdout.text);
  });

  it('ignores what is no entry, and the entries of processes that have ended', async () => {
    await mkdir(path('boards'), { recursive: true });
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    const entries: Record<string, string> = {
      'dead.json': JSON.stringify({ pid, serial: 'X', addresses: ['tcp:127.0.0.1:9'] }),
      'garbage.json': '{',
      'other.json': '[]',
      'long.json': JSON.stringify({ pid: process.pid, serial: 'X'.repeat(5000), addresses: [] }),
      'hostile.json': JSON.stringify({ pid: process.pid, serial: 'X\n', addresses: ['tcp:127.0.0.1:9'] }),
    };
    for (const [name, text] of Object.entries(entries)) await writeFile(path(`boards/${name}`), text);
    expect((await mmfreeJson('boards')).result).toMatchObject({ boards: 0 });
  });

  it('shows one that does not answer any more with what to do, and ends well', async () => {
    await mkdir(path('boards'), { recursive: true });
    const entry = { pid: process.pid, serial: 'X', addresses: ['tcp:127.0.0.1:1'] };
    await writeFile(path('boards/x.json'), JSON.stringify(entry));
    const { exit, events } = await mmfreeJson('boards');
    await rm(path('boards/x.json'));
    expect(exit).toBe(0);
    expect(events.filter(({ type }) => type === 'board')).toMatchObject([
      { selector: 'tcp:127.0.0.1:1', serial: 'X', state: 'board-not-found', fix: expect.any(String) },
    ]);
  });

  it('shows what a board demands', async () => {
    const signer = newSigner();
    await writeFile(path('key.pem'), signer.pem);
    await start('--signer', path('key.pem'), '--minimum-revision', '7', '--slots', '1', '--flash-mib', '1');
    const key = Buffer.from(signer.publicKey).toString('hex');
    const { events } = await mmfreeJson('boards');
    expect(events.find(({ type }) => type === 'board')).toMatchObject({
      signer: key,
      minimum_revision: 7,
      slots: 1,
      slot_bytes: 2 ** 20 - 8192,
      image: null,
    });
    const { stdout } = await mmfree('boards');
    expect(stdout.lines.slice(2)).toEqual([
      '  no image that it can start; it takes models up to H 8192, I 8192, L 256, V 65536, 1016 KiB',
      `  takes only images signed by ${key}`,
    ]);
  });

  it('does not call a board behind a network port a USB device', async () => {
    const { selector } = await start();
    vi.stubEnv('MMFREE_RUNTIME_DIR', path('elsewhere'));
    const { events } = await mmfreeJson('boards', '--board', selector);
    expect(events.find(({ type }) => type === 'board')).toMatchObject({
      selector,
      kind: expect.not.stringMatching('usb'),
    });
  });

  it.each([
    ['tcp:127.0.0.1:1', 3],
    ['serial:/dev/ttyNothing', 3],
    ['serial:/dev/null', 3],
    ['nobody', 3],
    ['usb:1209:0001:nobody', 3],
    ['a b', 2],
  ])('with --board %s ends with %i', async (selector, exit) => {
    expect((await mmfreeJson('boards', '--board', selector)).exit).toBe(exit);
  });

  it('with --board of something that does not answer ends with 10', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const { result } = await mmfreeJson('boards', '--board', `tcp:127.0.0.1:${port}`);
    // It used to advise on baud rates.
    const fix = 'Check that a board listens there, not another program, and that its firmware runs.';
    expect(result).toMatchObject({ exit: 10, error: { code: 'board-silent', fix } });
    server.close();
  });
});
