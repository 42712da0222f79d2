/** Which boards there are: with virtual boards of this process, and ports that nobody has plugged in. */

import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askBoard, findBoards, onlyBoard, selectBoard } from '../../device/discovery.js';
import { parseSelector } from '../../device/selector.js';
import type { BoardAddress } from '../../device/selector.js';
import { listSerialPorts } from '../../device/serial-ports.js';
import type { SerialPortInfo } from '../../device/serial-ports.js';
import { entryText } from '../../protocol/virtual-board-entry.js';
import { startBoard, temporaryFolder } from '../helpers/command-line.js';

vi.mock('../../device/serial-ports.js');

const path = temporaryFolder();
let count = 0;
let folder = '';

beforeEach(async () => {
  folder = path(`boards-${count++}`);
  await mkdir(folder);
  vi.stubEnv('MMFREE_RUNTIME_DIR', folder);
  plugIn();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A board of ours, with other values where they matter. */
const board = (name: string, serial: string, mayOpen = true): SerialPortInfo => ({
  path: `/dev/${name}`,
  usb: { vendor: 0x1209, product: 1, serial, name: 'mmfree board' },
  mayOpen,
});

/** Something else on a USB port, and a UART. */
const PRINTER: SerialPortInfo = {
  path: '/dev/ttyUSB0',
  usb: { vendor: 0x1a86, product: 0x7523, serial: 'P-1', name: 'printer' },
  mayOpen: true,
};
const UART: SerialPortInfo = { path: '/dev/ttyAMA0', mayOpen: true };

function plugIn(...ports: readonly SerialPortInfo[]): void {
  vi.mocked(listSerialPorts).mockResolvedValue([...ports]);
}

async function announce(serial: string, ...addresses: string[]): Promise<void> {
  await writeFile(`${folder}/${serial}.json`, entryText({ pid: process.pid, serial, addresses }));
}

const select = async (text?: string): Promise<BoardAddress> =>
  await selectBoard(text === undefined ? undefined : parseSelector(text));

const serialPort = (name: string): BoardAddress => ({ kind: 'serial', path: `/dev/${name}`, baudRate: 115_200 });

describe('what is there', () => {
  it('is nothing at first', async () => {
    expect(await findBoards()).toEqual([]);
    expect(await onlyBoard()).toBeUndefined();
  });

  it('is virtual boards by their best address, and ports by what is behind them', async () => {
    await announce('V-1', 'tcp:127.0.0.1:4711', 'serial:/dev/pts/3');
    await announce('V-2', 'serial:/dev/pts/4');
    plugIn(board('ttyACM0', 'A-1', false), PRINTER, UART);
    const found = await findBoards();
    expect(found.map(({ address, kind, serial, mayOpen }) => [address, kind, serial, mayOpen])).toEqual([
      [{ kind: 'tcp', host: '127.0.0.1', port: 4711 }, 'virtual', 'V-1', true],
      [serialPort('pts/4'), 'virtual', 'V-2', true],
      [serialPort('ttyACM0'), 'usb', 'A-1', false],
      [serialPort('ttyUSB0'), 'port', 'P-1', true],
      [serialPort('ttyAMA0'), 'port', '', true],
    ]);
    expect(found.map(({ usb }) => usb)).toEqual([
      undefined,
      undefined,
      { vendor: 0x1209, product: 1 },
      { vendor: 0x1a86, product: 0x7523 },
      undefined,
    ]);
  });

  it('has no virtual board whose address is none', async () => {
    await announce('V-1', 'tcp:127.0.0.1:0');
    expect(await findBoards()).toEqual([]);
  });
});

describe('the board that is meant', () => {
  it('is the only one of ours, beside ports that may be anything', async () => {
    plugIn(PRINTER, UART);
    expect(await onlyBoard()).toBeUndefined();
    plugIn(PRINTER, UART, board('ttyACM3', 'A-1'));
    expect(await onlyBoard()).toEqual(serialPort('ttyACM3'));
  });

  it.each([
    ['A-2', 'ttyACM1'],
    ['P-1', 'ttyUSB0'],
    ['usb:1a86:7523', 'ttyUSB0'],
    ['usb:1A86:7523', 'ttyUSB0'],
    ['usb:1209:0001:A-1', 'ttyACM0'],
    // An address is taken at its word.
    ['serial:/dev/ttyS9', 'ttyS9'],
  ])('is, for %s, %s', async (text, name) => {
    plugIn(board('ttyACM0', 'A-1'), board('ttyACM1', 'A-2'), PRINTER);
    expect(await select(text)).toEqual(serialPort(name));
  });

  it.each([
    ['a-2', 'a-2'],
    ['usb:1209:0002', 'usb:1209:0002'],
    ['usb:1209:0001:A-3', 'usb:1209:0001:A-3'],
    ['usb:1A86:7523:A-1', 'usb:1a86:7523:A-1'],
  ])('is not there for %s', async (text, named) => {
    plugIn(board('ttyACM0', 'A-1'), PRINTER);
    await expect(select(text)).rejects.toMatchObject({ code: 'board-not-found', facts: { board: named } });
  });

  it('is not chosen among several; all that fit are named, and no others', async () => {
    await announce('V-1', 'tcp:127.0.0.1:4711');
    plugIn(board('ttyACM0', 'A-1'), board('ttyACM1', 'A-2'), PRINTER);
    await expect(select()).rejects.toMatchObject({
      code: 'board-ambiguous',
      facts: { boards: 'tcp:127.0.0.1:4711 serial:/dev/ttyACM0 serial:/dev/ttyACM1' },
    });
    await expect(onlyBoard()).rejects.toMatchObject({ code: 'board-ambiguous' });
    await expect(select('usb:1209:0001')).rejects.toMatchObject({
      facts: { boards: 'serial:/dev/ttyACM0 serial:/dev/ttyACM1' },
    });
  });

  it('may have to be opened by somebody else', async () => {
    plugIn(board('ttyACM0', 'A-1', false));
    for (const text of [undefined, 'A-1', 'usb:1209:0001']) {
      await expect(select(text)).rejects.toMatchObject({ code: 'board-denied', facts: { path: '/dev/ttyACM0' } });
    }
  });

  it('is missing, which says what to do', async () => {
    await expect(select()).rejects.toMatchObject({
      code: 'board-not-found',
      fix: expect.stringContaining('mmfree virtual-board'),
    });
  });
});

describe('a board that is asked', () => {
  it('says who and how it is, and is free again afterwards', async () => {
    const running = await startBoard('--serial-number', 'V-1');
    const address = await select('V-1');
    for (let times = 0; times < 2; times++) {
      const { hello, info } = await askBoard(address);
      expect([hello.board, hello.serial, info.state, info.steps]).toEqual(['virtual', 'V-1', 'idle', 0]);
    }
    await running.stop();
  });

  it('is not asked any more after Ctrl-C', async () => {
    const running = await startBoard('--serial-number', 'V-1');
    const asked = askBoard(await select('V-1'), AbortSignal.abort());
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await running.stop();
  });
});
