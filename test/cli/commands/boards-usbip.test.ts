/** What commands make of the devices that a USB/IP server shares: the same as of those on the USB of this computer. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UsbipHost } from '../../../device/usb/usbip/usbip-host.js';
import { mmfree, mmfreeJson, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { boardErrorOf } from '../../helpers/fake-usb.js';
import { shareDevices } from '../../helpers/shared-devices.js';
import type { SharedDevice } from '../../helpers/shared-devices.js';

const path = temporaryFolder();
const running: { readonly stop: () => void }[] = [];

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(() => {
  for (const server of running.splice(0)) server.stop();
  vi.unstubAllEnvs();
});

const DFU = [0xfe, 1, 2] as const;
const BOARD: SharedDevice = {
  busId: '1-1',
  vendor: 0x1209,
  product: 1,
  interfaces: [[2, 2, 0], [0x0a, 0, 0], DFU],
};
const THING: SharedDevice = { busId: '1-2', vendor: 0x1d50, product: 0x6017, interfaces: [DFU] };
const RADIO: SharedDevice = {
  busId: '1-3',
  vendor: 0x8087,
  product: 0x0026,
  interfaces: [
    [0xe0, 1, 1],
    [0xfe, 1, 1],
  ],
};
const FPGA: SharedDevice = {
  busId: '1-4',
  vendor: 0x0403,
  product: 0x6010,
  interfaces: [
    [0xff, 0xff, 0xff],
    [0xff, 0xff, 0xff],
  ],
};
const MOUSE: SharedDevice = { busId: '1-5', vendor: 0x046d, product: 0xc077, interfaces: [[3, 1, 2]] };
const MODEM: SharedDevice = {
  busId: '1-6',
  vendor: 0x12d1,
  product: 1,
  interfaces: [
    [2, 2, 1],
    [0x0a, 0, 0],
  ],
};

async function share(...devices: readonly SharedDevice[]): Promise<number> {
  const server = await shareDevices(devices);
  running.push(server);
  return server.port;
}

describe('boards', () => {
  it('shows a DFU device of another make as one, with the command that flashes it', async () => {
    // It used to say that the device breaks the USB standards.
    const server = `usbip:127.0.0.1:${await share(THING)}`;
    for (const selector of [server, `${server}/1-2`]) {
      const { exit, stdout } = await mmfree('boards', '--board', selector);
      expect([exit, stdout.lines]).toEqual([
        0,
        [
          `${server}/1-2  usb 1d50:6017 at 1-2`,
          `  DFU device of another make without a serial port, can be flashed: mmfree flash FILE --board ${server}/1-2 --dfu-alt NAME`,
        ],
      ]);
    }
  });

  it('shows an FT2232H, which used to be invisible, with what writes its flash', async () => {
    const server = `usbip:127.0.0.1:${await share(FPGA)}`;
    const { exit, stdout } = await mmfree('boards', '--board', server);
    expect([exit, stdout.lines]).toEqual([
      0,
      [
        `${server}/1-4  usb 0403:6010 at 1-4`,
        `  FT2232H, maybe an FPGA board, not asked; its flash: mmfree gateware flash --board ${server}/1-4`,
      ],
    ]);
  });

  it('shows all that a server shares in which a board may be, and asks nobody who may be anything', async () => {
    const server = `usbip:127.0.0.1:${await share(THING, RADIO, FPGA, MOUSE, MODEM)}`;
    const { exit, events, result } = await mmfreeJson('boards', '--board', server);
    const boards = events.filter(({ type }) => type === 'board');
    expect(boards.map(({ selector, kind, state }) => [selector, kind, state])).toEqual([
      [`${server}/1-2`, 'dfu', 'dfu'],
      [`${server}/1-3`, 'dfu', 'dfu'],
      [`${server}/1-4`, 'ftdi', 'not-asked'],
      [`${server}/1-6`, 'port', 'not-asked'],
    ]);
    expect([exit, result['boards']]).toEqual([0, 4]);
  });

  it('finds no board on a server that shares none', async () => {
    const server = `usbip:127.0.0.1:${await share(MOUSE)}`;
    expect((await mmfree('boards', '--board', server)).exit).toBe(3);
    expect((await mmfree('boards', '--board', `${server}/9-9`)).exit).toBe(3);
  });
});

describe('the board of a server', () => {
  it('is ours, beside what has a DFU interface or a serial port too', async () => {
    const host = new UsbipHost('127.0.0.1', await share(RADIO, MODEM, BOARD, FPGA));
    expect((await host.find(undefined, ['usb', 'ftdi'])).path).toBe('1-1');
    expect((await host.find(undefined, ['dfu', 'usb'])).path).toBe('1-3');
  });

  it('is not chosen among several, nor taken from what may be anything', async () => {
    const two = new UsbipHost('127.0.0.1', await share(BOARD, { ...BOARD, busId: '1-9' }, RADIO));
    expect((await boardErrorOf(two.find(undefined, ['usb']))).code).toBe('board-ambiguous');
    const none = new UsbipHost('127.0.0.1', await share(RADIO, MODEM));
    const error = await boardErrorOf(none.find(undefined, ['usb']));
    expect([error.code, error.reason]).toEqual(['board-not-found', expect.stringMatching(/\/1-3, .*\/1-6\.$/)]);
  });
});

describe('flash and run', () => {
  it('say of an FT2232H what it is, and what writes its flash', async () => {
    const server = `usbip:127.0.0.1:${await share(FPGA)}`;
    for (const command of [
      ['flash', TALES_IMAGE],
      ['flash', TALES_IMAGE, '--dfu-alt', 'x'],
      ['run', 'Once'],
    ]) {
      const { exit, stderr } = await mmfree(...command, '--board', server);
      expect([exit, stderr.text]).toEqual([7, expect.stringContaining(`mmfree gateware flash --board ${server}/1-4`)]);
    }
  });

  it('say of a DFU device alone that it has no serial port, which breaks no standard', async () => {
    const server = `usbip:127.0.0.1:${await share(THING)}`;
    const { exit, stderr } = await mmfree('run', 'Once', '--board', `${server}/1-2`);
    expect([exit, stderr.text]).toEqual([3, expect.stringContaining('It has no serial port')]);
  });
});
