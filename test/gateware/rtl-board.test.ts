/** The whole chip under Verilator, as a board of the command line: from the pins of its UART to those of its memory. */

import { writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { COMMANDS, mmfree, mmfreeJson, startBoard, TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { FakeProcess } from '../helpers/fake-host.js';
import { goodImageOf } from '../helpers/good-image.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';
import { HAS_VERILATOR } from '../helpers/verilator.js';
import { simulatorOf } from '../../firmware-host/virtual/simulated-chips/simulator.js';

const path = temporaryFolder();
const BUILD_MS = 600_000;

beforeAll(async () => {
  const sections = tinySections(3, { ...TINY_SHAPE, vocabSize: 40, eosTokenId: 39 });
  await writeFile(path('tiny'), goodImageOf(sections, { name: 'tiny', tokenizer: new Uint8Array(0) }));
  await writeFile(path('other'), goodImageOf(sections, { name: 'other', tokenizer: new Uint8Array(0) }));
});

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.skipIf(!HAS_VERILATOR)('the small chip with its flash', () => {
  // Whichever test comes first would have to wait for it.
  beforeAll(async () => void (await simulatorOf('icebreaker')), BUILD_MS);

  it('is a board that runs, is verified and is listed as any other', async () => {
    const board = await startBoard('--rtl', '--image', path('tiny'), '--rtl-stats', path('stats'));
    expect(board.selector).toMatch(/^tcp:127\.0\.0\.1:\d+$/);
    const { events } = await mmfreeJson('boards');
    expect(events.find(({ type }) => type === 'board')).toMatchObject({
      board: 'icebreaker',
      serial: 'RTL',
      state: 'ready',
      image: { name: 'tiny', confirmed: true },
    });
    const image = ['--image', path('tiny')];
    expect((await mmfreeJson('verify', '--board', board.selector, '--tokens', '20', ...image)).exit).toBe(0);
    const run = ['run', '--ids', '--board', 'RTL', ...image, '--check', '--temperature', '2', '--max-tokens', '12'];
    expect((await mmfreeJson(...run, '1 2 3')).result).toMatchObject({ exit: 0, backend: 'icebreaker RTL' });
    expect(await board.stop()).toBe(130);
    expect((await mmfreeJson('boards')).result).toMatchObject({ boards: 0 });
  });

  it('says what to do instead where it cannot do what others can', async () => {
    const board = await startBoard('--rtl', '--image', path('tiny'));
    const flash = await mmfree('flash', path('other'), '--board', board.selector);
    expect(flash.exit).toBe(7);
    expect(flash.stderr.text).toContain('mmfree gateware flash');
    const run = await mmfree('run', '--ids', '--board', board.selector, '1');
    expect(run.exit).toBe(2);
    expect(run.stderr.text).toContain('Name the file that was flashed with --image.');
    await board.stop();
  });
});

describe.skipIf(!HAS_VERILATOR)('the wide chip with its DRAM', () => {
  beforeAll(async () => void (await simulatorOf('axi-128')), BUILD_MS);

  it('computes the shipped model over the command line', { timeout: 300_000 }, async () => {
    const board = await startBoard('--rtl', 'axi-128', '--image', TALES_IMAGE);
    const run = ['run', '--board', board.selector, '--check', '--max-tokens', '4', 'Once upon'];
    expect((await mmfreeJson(...run)).result).toMatchObject({ exit: 0, backend: 'axi RTL', receipts_checked: 4 });
    await board.stop();
  });

  // Who came second used to be told that it does not answer, and to check the baud rate.
  it('is in use while a program generates on it', async () => {
    const board = await startBoard('--rtl', 'axi-128', '--image', TALES_IMAGE);
    const holder = new FakeProcess();
    const run = holder.run(COMMANDS, '--json', 'run', '--board', board.selector, '--max-tokens', '4000', 'Once');
    while (!holder.stdout.text.includes('"type":"token"')) {
      await new Promise<void>((resolve) => holder.stdout.onWrite(resolve));
    }
    const { events } = await mmfreeJson('boards');
    expect(events.find(({ type }) => type === 'board')).toMatchObject({ state: 'board-busy' });
    expect((await mmfreeJson('boards', '--board', board.selector)).exit).toBe(5);
    holder.interrupt();
    expect((await run).exit).toBe(130);
    expect((await mmfreeJson('boards', '--board', board.selector)).exit).toBe(0);
    await board.stop();
  });
});

describe('a simulated board', () => {
  it.each([
    ['a flash file', ['--flash-file', 'x']],
    ['slots', ['--slots', '1']],
    ['a signer', ['--signer', 'x']],
    ['a fault', ['--fault', 'drop:0.1']],
    ['USB', ['--usbip', '127.0.0.1:0']],
    ['a serial number', ['--serial-number', 'X-1']],
    ['a window', ['--window', '1']],
  ])('refuses %s, which it would have to ignore', async (_, options) => {
    const { exit, stderr } = await mmfree('virtual-board', '--rtl', ...options);
    expect([exit, stderr.lines.length]).toEqual([2, 3]);
    expect(stderr.text).toContain('exclude each other');
  });

  it('is the only one with clocks to count', async () => {
    expect((await mmfree('virtual-board', '--rtl-stats', path('stats'))).exit).toBe(2);
  });

  it('without the tools that make it says which to install', async () => {
    vi.stubEnv('PATH', path('nothing'));
    vi.stubEnv('XDG_CACHE_HOME', path('cache'));
    const { exit, stderr } = await mmfree('gateware', 'sim');
    expect(exit).toBe(19);
    expect(stderr.text).toContain('make, verilator, g++ are not installed');
    expect(stderr.text).toContain('sudo apt-get install make verilator g++');
  });
});
