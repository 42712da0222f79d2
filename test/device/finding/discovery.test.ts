/** Which boards there are: with virtual boards of this process, and ports that nobody has plugged in. */

import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deviceNode } from '../../../device/finding/read-device-node.js';
import { findBoards, onlyBoard, selectBoard, selectFlashTarget } from '../../../device/finding/discovery.js';
import { addressText, parseSelector } from '../../../device/selector.js';
import type { BoardAddress } from '../../../device/selector.js';
import { listSerialPorts } from '../../../device/finding/serial-ports.js';
import { sysfsDevices } from '../../../device/usb/sysfs.js';
import type { UsbDeviceInfo, UsbInterfaceInfo } from '../../../device/usb/usb-device.js';
import { entryText } from '../../../protocol/virtual-board-entry.js';
import { temporaryFolder } from '../../helpers/command-line.js';

vi.mock('../../../device/finding/serial-ports.js');
vi.mock('../../../device/finding/read-device-node.js');
vi.mock(import('../../../device/usb/sysfs.js'), async (original) => ({
  ...(await original()),
  sysfsDevices: vi.fn<() => UsbDeviceInfo[]>(),
}));

const path = temporaryFolder();
let count = 0;
let folder = '';
/** Files that this user may not open. */
const denied = new Set<string>();

beforeEach(async () => {
  folder = path(`boards-${count++}`);
  await mkdir(folder);
  vi.stubEnv('MMFREE_RUNTIME_DIR', folder);
  denied.clear();
  vi.mocked(deviceNode).mockImplementation(nodeOf);
  plugIn();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const nodeOf = (file: string): ReturnType<typeof deviceNode> => ({
  path: file,
  mayOpen: !denied.has(file),
  owner: 'root',
  group: 'dialout',
  mode: 'crw-rw----',
});

const ACM: UsbInterfaceInfo = { number: 0, class: 2, subclass: 2, protocol: 0, driver: 'cdc_acm' };
const DFU: UsbInterfaceInfo = { number: 2, class: 0xfe, subclass: 1, protocol: 2 };

/** A board of ours, with other values where they matter. */
const board = (serial: string, port: string | undefined, change: Partial<UsbDeviceInfo> = {}): UsbDeviceInfo => {
  const usbPath = change.path ?? `1-${serial}`;
  return {
    path: usbPath,
    vendor: 0x1209,
    product: 1,
    release: 0x100,
    serial,
    name: 'mmfree board',
    interfaces: [port === undefined ? { ...ACM, driver: 'other' } : { ...ACM, port: `/dev/${port}` }, DFU],
    address: 2,
    node: nodeOf(`/dev/bus/usb/${usbPath}`),
    ...change,
  };
};

/** Something else with a serial port, something else that can be flashed, and something else. */
const PRINTER: UsbDeviceInfo = {
  ...board('P-1', undefined, { path: '2-1' }),
  vendor: 0x1a86,
  product: 0x7523,
  interfaces: [{ number: 0, class: 0xff, subclass: 1, protocol: 2, driver: 'ch341', port: '/dev/ttyUSB0' }],
};
const RADIO: UsbDeviceInfo = {
  ...board('R-1', undefined, { path: '2-2' }),
  vendor: 0x1d50,
  product: 0x6089,
  interfaces: [DFU],
};
const MOUSE: UsbDeviceInfo = {
  ...board('', undefined, { path: '2-3' }),
  vendor: 0x46d,
  interfaces: [{ number: 0, class: 3, subclass: 1, protocol: 2, driver: 'usbhid' }],
};

function plugIn(...devices: readonly UsbDeviceInfo[]): void {
  vi.mocked(sysfsDevices).mockReturnValue([...devices]);
  vi.mocked(listSerialPorts).mockResolvedValue([{ path: '/dev/ttyAMA0' }]);
}

async function announce(serial: string, ...addresses: string[]): Promise<void> {
  await writeFile(`${folder}/${serial}.json`, entryText({ pid: process.pid, serial, addresses }));
}

const select = async (text?: string): Promise<BoardAddress> =>
  await selectBoard(text === undefined ? undefined : parseSelector(text));

const selected = async (text?: string): Promise<string> => addressText(await select(text));

describe('what is there', () => {
  it('is no board at first', async () => {
    plugIn(MOUSE);
    expect((await findBoards()).map(({ kind }) => kind)).toEqual(['port']);
    expect(await onlyBoard()).toBeUndefined();
  });

  it('is virtual boards by their best address, devices on USB by where they are plugged in, and ports', async () => {
    await announce('V-1', 'tcp:127.0.0.1:4711', 'serial:/dev/pts/3');
    await announce('V-2', 'serial:/dev/pts/4');
    plugIn(board('A-1', 'ttyACM0'), PRINTER, RADIO, MOUSE);
    const found = await findBoards();
    expect(found.map(({ address, kind, serial, usb }) => [addressText(address), kind, serial, usb?.path])).toEqual([
      ['tcp:127.0.0.1:4711', 'virtual', 'V-1', undefined],
      ['serial:/dev/pts/4', 'virtual', 'V-2', undefined],
      ['usb:1209:0001:A-1', 'usb', 'A-1', '1-A-1'],
      ['serial:/dev/ttyUSB0', 'port', 'P-1', '2-1'],
      ['usb:1d50:6089:R-1', 'dfu', 'R-1', '2-2'],
      ['serial:/dev/ttyAMA0', 'port', '', undefined],
    ]);
  });

  it('is one board, if a virtual one is attached to the USB of this computer', async () => {
    await announce('A-1', 'tcp:127.0.0.1:4711');
    plugIn(board('A-1', 'ttyACM0'));
    expect((await findBoards()).map(({ kind }) => kind)).toEqual(['usb', 'port']);
  });

  it('has no virtual board whose address is none', async () => {
    await announce('V-1', 'tcp:127.0.0.1:0');
    expect((await findBoards()).map(({ kind }) => kind)).toEqual(['port']);
  });

  it('says of each file that may not be opened whose it is', async () => {
    denied.add('/dev/ttyACM0').add('/dev/bus/usb/1-A-1');
    plugIn(board('A-1', 'ttyACM0'));
    expect((await findBoards())[0]).toMatchObject({
      portProblem: {
        code: 'board-denied',
        facts: { path: '/dev/ttyACM0', owner: 'root', group: 'dialout', mode: 'crw-rw----' },
        fix: expect.stringContaining('sudo usermod -aG dialout $USER'),
      },
      flashProblem: {
        code: 'board-denied',
        facts: { path: '/dev/bus/usb/1-A-1', variant: 'no-rule' },
      },
    });
  });
});

describe('the board that is meant', () => {
  it('is the only one of ours, beside what may be anything', async () => {
    plugIn(PRINTER, RADIO, MOUSE);
    expect(await onlyBoard()).toBeUndefined();
    plugIn(PRINTER, RADIO, MOUSE, board('A-1', 'ttyACM3'));
    expect(await onlyBoard()).toMatchObject({ kind: 'usb', device: { path: '1-A-1' } });
  });

  it.each([
    ['A-2', 'usb:1209:0001:A-2'],
    ['P-1', 'serial:/dev/ttyUSB0'],
    ['usb:1a86:7523', 'serial:/dev/ttyUSB0'],
    ['usb:1A86:7523', 'serial:/dev/ttyUSB0'],
    ['usb:1209:0001:A-1', 'usb:1209:0001:A-1'],
    ['usb:2-1', 'serial:/dev/ttyUSB0'],
    // An address is taken at its word.
    ['serial:/dev/ttyS9', 'serial:/dev/ttyS9'],
    ['usbip:localhost/1-1', 'usbip:localhost:3240/1-1'],
  ])('is, for %s, %s', async (text, address) => {
    plugIn(board('A-1', 'ttyACM0'), board('A-2', 'ttyACM1'), PRINTER);
    expect(await selected(text)).toBe(address);
  });

  it.each([
    ['a-2', 'a-2'],
    ['usb:1209:0002', 'usb:1209:0002'],
    ['usb:1209:0001:A-3', 'usb:1209:0001:A-3'],
    ['usb:1A86:7523:A-1', 'usb:1a86:7523:A-1'],
    ['usb:9-9', 'usb:9-9'],
  ])('is not there for %s', async (text, named) => {
    plugIn(board('A-1', 'ttyACM0'), PRINTER);
    await expect(select(text)).rejects.toMatchObject({ code: 'board-not-found', facts: { board: named } });
  });

  it('is not chosen among several; all that fit are named, and no others', async () => {
    await announce('V-1', 'tcp:127.0.0.1:4711');
    plugIn(board('A-1', 'ttyACM0'), board('A-2', 'ttyACM1'), PRINTER, RADIO);
    await expect(select()).rejects.toMatchObject({
      code: 'board-ambiguous',
      facts: { boards: 'tcp:127.0.0.1:4711 usb:1209:0001:A-1 usb:1209:0001:A-2' },
    });
    await expect(onlyBoard()).rejects.toMatchObject({ code: 'board-ambiguous' });
    await expect(select('usb:1209:0001')).rejects.toMatchObject({
      facts: { boards: 'usb:1209:0001:A-1 usb:1209:0001:A-2' },
    });
  });

  it('is named by its place among twins with the same serial number, or none', async () => {
    plugIn(
      board('A', 'ttyACM0', { path: '1-1' }),
      board('A', 'ttyACM1', { path: '1-2' }),
      board('', 'ttyACM2', { path: '1-3' }),
    );
    await expect(select()).rejects.toMatchObject({ facts: { boards: 'usb:1-1 usb:1-2 usb:1-3' } });
    expect(await select('usb:1-2')).toMatchObject({ device: { path: '1-2' } });
  });

  it('may have to be opened by somebody else', async () => {
    denied.add('/dev/ttyACM0');
    plugIn(board('A-1', 'ttyACM0'));
    for (const text of [undefined, 'A-1', 'usb:1209:0001', 'usb:1-A-1']) {
      await expect(select(text)).rejects.toMatchObject({ code: 'board-denied', facts: { path: '/dev/ttyACM0' } });
    }
  });

  it('may be in the hands of another driver, or of none', async () => {
    plugIn(board('A-1', undefined));
    await expect(select()).rejects.toMatchObject({
      code: 'board-wrong-driver',
      facts: { driver: 'other', interface: 0 },
      fix: expect.stringContaining('/sys/bus/usb/drivers/other/unbind'),
    });
    const { driver: _, ...free } = ACM;
    plugIn(board('A-1', undefined, { interfaces: [free, DFU] }));
    await expect(select()).rejects.toMatchObject({
      code: 'board-wrong-driver',
      fix: expect.stringContaining('sudo modprobe cdc_acm'),
    });
  });

  it('is missing, which says what to do', async () => {
    await expect(select()).rejects.toMatchObject({
      code: 'board-not-found',
      facts: { variant: 'no-board' },
    });
  });
});

describe('where a flash goes', () => {
  const target = async (text?: string, anyDevice = false): ReturnType<typeof selectFlashTarget> =>
    await selectFlashTarget(text === undefined ? undefined : parseSelector(text), anyDevice);

  it('is DFU, if the board is on USB', async () => {
    plugIn(board('A-1', 'ttyACM0'), PRINTER, RADIO);
    for (const text of [undefined, 'A-1', 'usb:1209:0001']) {
      expect(await target(text)).toMatchObject({ kind: 'usb', info: { serial: 'A-1' }, isOurs: true });
    }
  });

  it('is the serial port, if that was named, or the board has no DFU', async () => {
    plugIn(board('A-1', 'ttyACM0', { interfaces: [{ ...ACM, port: '/dev/ttyACM0' }] }));
    expect(await target()).toMatchObject({ kind: 'session', address: { kind: 'usb' } });
    expect(await target('serial:/dev/ttyACM0')).toMatchObject({ kind: 'session', address: { kind: 'serial' } });
  });

  it('is a board without a serial port too, as in DFU mode', async () => {
    plugIn(board('A-1', undefined, { interfaces: [DFU] }));
    expect(await target()).toMatchObject({ kind: 'usb' });
    expect(await onlyBoard()).toBeUndefined();
  });

  it('may not be written by this user', async () => {
    denied.add('/dev/bus/usb/1-A-1');
    plugIn(board('A-1', 'ttyACM0'));
    await expect(target()).rejects.toMatchObject({ code: 'board-denied', facts: { path: '/dev/bus/usb/1-A-1' } });
  });

  it('is, for a memory that was named, the only device of another make', async () => {
    plugIn(board('A-1', 'ttyACM0'), PRINTER, RADIO);
    expect(await target(undefined, true)).toMatchObject({ kind: 'usb', info: { serial: 'R-1' }, isOurs: false });
    expect(await target('A-1', true)).toMatchObject({ kind: 'usb', info: { serial: 'A-1' } });
  });
});
