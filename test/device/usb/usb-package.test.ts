/** The package `usb` as we use it: a fake of the package says what the real one says, sysfs what is the case. */

import { beforeEach, describe, expect, it, vi } from 'vitest';
import { BoardError } from '../../../device/board-error.js';
import { sysfsDevices } from '../../../device/usb/sysfs.js';
import type { UsbDevice, UsbDeviceInfo } from '../../../device/usb/usb-device.js';
import { packageDevice } from '../../../device/usb/usb-package.js';
import { boardErrorOf } from '../../helpers/fake-usb.js';

vi.mock(import('../../../device/usb/sysfs.js'), async (original) => ({
  ...(await original()),
  sysfsDevices: vi.fn<() => UsbDeviceInfo[]>(),
}));

/** What the package has plugged in. */
const packaged = vi.hoisted(() => ({ devices: [] as unknown[] }));
vi.mock('usb', () => ({ usb: { getDevices: () => Promise.resolve(packaged.devices) } }));

const NODE = { path: '/dev/bus/usb/003/007', mayOpen: true, owner: 'root', group: 'plugdev', mode: 'crw-rw----' };
const INFO: UsbDeviceInfo = {
  path: '3-1.4',
  vendor: 0x1209,
  product: 1,
  release: 0x100,
  serial: 'A-1',
  name: 'mmfree board',
  interfaces: [{ number: 2, class: 0xfe, subclass: 1, protocol: 2 }],
  address: 7,
  node: NODE,
};
const SETUP = { requestType: 'class', recipient: 'interface', request: 3, value: 0, index: 2 } as const;

type Work = (...args: unknown[]) => Promise<unknown>;
const METHODS = [
  'open',
  'close',
  'reset',
  'claimInterface',
  'releaseInterface',
  'detachKernelDriver',
  'attachKernelDriver',
  'selectAlternateInterface',
  'controlTransferIn',
] as const;

/** A device of the package, whose methods do nothing unless told. */
function plugIn(methods: Partial<Record<(typeof METHODS)[number] | 'controlTransferOut', Work>> = {}): void {
  const nothing: Work = () => Promise.resolve();
  const all = Object.fromEntries([...METHODS, 'controlTransferOut'].map((name) => [name, nothing]));
  packaged.devices = [
    { bus: '003', address: 6, ports: [1, 4], ...all },
    { bus: '003', address: 7, ports: [1, 4], ...all, ...methods },
  ];
  vi.mocked(sysfsDevices).mockReturnValue([INFO]);
}

const failing = (text: string): Work => {
  return () => Promise.reject(new Error(text));
};

const device = async (): Promise<UsbDevice> => await packageDevice('usb:1209:0001:A-1', INFO);

const withDriver = (driver: string): UsbDeviceInfo => ({
  ...INFO,
  interfaces: [{ number: 2, class: 0xfe, subclass: 1, protocol: 2, driver }],
});

beforeEach(() => plugIn());

describe('a device of the package', () => {
  it('is found by where it is plugged in, and by its address', async () => {
    await (await device()).open();
    packaged.devices = packaged.devices.slice(0, 1);
    expect((await boardErrorOf(device())).code).toBe('board-lost');
  });

  it('that this user may not open is not tried', async () => {
    const denied = packageDevice('x', { ...INFO, node: { ...NODE, mayOpen: false } });
    expect(await boardErrorOf(denied)).toMatchObject({
      code: 'board-denied',
      facts: { path: NODE.path, mode: NODE.mode },
    });
  });

  it('waits for transfers as long as it is told to, not as the package does by itself, and always gives data', async () => {
    const calls: unknown[][] = [];
    const note: Work = (...args) => {
      calls.push(args);
      return Promise.resolve({ status: 'ok', bytesWritten: 0 });
    };
    plugIn({ controlTransferIn: note, controlTransferOut: note });
    const opened = await device();
    await opened.controlTransferIn(SETUP, 6, 7000);
    await opened.controlTransferOut(SETUP, new Uint8Array(0), 8000);
    expect(calls).toEqual([
      [SETUP, 6, 7000],
      [SETUP, new Uint8Array(0), 8000],
    ]);
  });

  it('releases what it has claimed when it is closed, which the package does not', async () => {
    const calls: unknown[] = [];
    const note = (name: string): Work => {
      return (...args) => {
        calls.push([name, ...args]);
        return name === 'releaseInterface' ? Promise.reject(new Error('gone')) : Promise.resolve();
      };
    };
    plugIn({ releaseInterface: note('releaseInterface'), close: note('close') });
    const opened = await device();
    await opened.claimInterface(2);
    await opened.close();
    expect(calls).toEqual([['releaseInterface', 2], ['close']]);
  });

  it('takes an interface from the driver that may be taken off it, and gives it back', async () => {
    const calls: unknown[] = [];
    const names = ['detachKernelDriver', 'claimInterface', 'releaseInterface', 'attachKernelDriver', 'close'] as const;
    const noting = (name: string): Work => {
      return (...args) => {
        calls.push([name, ...args]);
        return Promise.resolve();
      };
    };
    plugIn(Object.fromEntries(names.map((name) => [name, noting(name)])));
    vi.mocked(sysfsDevices).mockReturnValue([withDriver('ftdi_sio')]);
    const opened = await device();
    await opened.claimInterface(2, 'ftdi_sio');
    await opened.close();
    expect(calls).toEqual([
      ['detachKernelDriver', 2],
      ['claimInterface', 2],
      ['releaseInterface', 2],
      ['attachKernelDriver', 2],
      ['close'],
    ]);
  });

  it.each([
    // To the kernel a program that has the interface is a driver.
    ['another program', 'usbfs', 'board-busy'],
    ['another driver', 'option', 'board-wrong-driver'],
  ])('takes nothing from %s', async (_, driver, code) => {
    const taken: unknown[] = [];
    plugIn({
      detachKernelDriver: (...args) => Promise.resolve(taken.push(args)),
      claimInterface: failing('failed to claim interface: interface is busy'),
    });
    vi.mocked(sysfsDevices).mockReturnValue([withDriver(driver)]);
    const error = await boardErrorOf((await device()).claimInterface(2, 'ftdi_sio'));
    expect([error.code, taken]).toEqual([code, []]);
  });

  it('whose driver does not let itself be taken off says so', async () => {
    plugIn({ detachKernelDriver: failing('failed to detach') });
    vi.mocked(sysfsDevices).mockReturnValue([withDriver('ftdi_sio')]);
    const error = await boardErrorOf((await device()).claimInterface(2, 'ftdi_sio'));
    expect(error).toMatchObject({ code: 'board-wrong-driver', facts: { driver: 'ftdi_sio', interface: 2 } });
  });

  // Texts of nusb 0.2, on which the package is built.
  it('has a STALL as an answer', async () => {
    const stalled = failing('controlTransferIn error: endpoint stalled');
    plugIn({ controlTransferIn: stalled, controlTransferOut: stalled });
    const opened = await device();
    expect(await opened.controlTransferIn(SETUP, 6, 7000)).toEqual({ status: 'stall' });
    expect(await opened.controlTransferOut(SETUP, new Uint8Array(1), 7000)).toEqual({
      status: 'stall',
      bytesWritten: 0,
    });
  });

  it.each([
    ['device disconnected', 'board-lost'],
    ['transfer was cancelled', 'board-silent'],
    ['hardware fault or protocol violation', 'board-lost'],
  ])('has a transfer fail with %s as %s', async (text, code) => {
    plugIn({ controlTransferIn: failing(`controlTransferIn error: ${text}`) });
    const opened = await device();
    expect((await boardErrorOf(opened.controlTransferIn(SETUP, 6, 7000))).code).toBe(code);
  });
});

describe('what the package cannot do is told by what is the case', () => {
  it.each<[string, 'open' | 'claimInterface', readonly UsbDeviceInfo[], string, string]>([
    ['unplugged', 'open', [], 'whatever', 'board-lost'],
    ['another one by now', 'open', [{ ...INFO, address: 8 }], 'whatever', 'board-lost'],
    ['not for this user', 'open', [{ ...INFO, node: { ...NODE, mayOpen: false } }], 'whatever', 'board-denied'],
    ['not for this user, by its word', 'open', [INFO], 'failed to open device: permission denied', 'board-denied'],
    ['not to be opened for another reason', 'open', [INFO], 'failed to read descriptors', 'board-lost'],
    ['unplugged before', 'claimInterface', [], 'whatever', 'board-lost'],
    ['in use by a program', 'claimInterface', [withDriver('usbfs')], 'interface is busy', 'board-busy'],
    ['in use by who knows', 'claimInterface', [INFO], 'interface is busy', 'board-busy'],
    [
      'in the hands of another driver',
      'claimInterface',
      [withDriver('usbhid')],
      'interface is busy',
      'board-wrong-driver',
    ],
    ['without that interface', 'claimInterface', [INFO], 'interface not found', 'board-lost'],
  ])('%s', async (_, method, seen, text, code) => {
    plugIn({ [method]: failing(`${method} error: ${text}`) });
    vi.mocked(sysfsDevices).mockReturnValue([...seen]);
    const opened = await device();
    const failure = method === 'open' ? opened.open() : opened.claimInterface(2);
    const error = await boardErrorOf(failure);
    expect(error).toBeInstanceOf(BoardError);
    expect(error.code).toBe(code);
  });
});
