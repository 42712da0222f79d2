/** Which FT2232H is meant, of those that sysfs shows. */

import { describe, expect, it, vi } from 'vitest';
import { selectProgrammer } from '../../../device/spi-flash/select-programmer.js';
import { parseSelector } from '../../../device/selector.js';
import { sysfsDevices } from '../../../device/usb/sysfs.js';
import type { UsbDeviceInfo } from '../../../device/usb/usb-device.js';
import { boardErrorOf } from '../../helpers/fake-usb.js';

vi.mock(import('../../../device/usb/sysfs.js'), async (original) => ({
  ...(await original()),
  sysfsDevices: vi.fn<() => UsbDeviceInfo[]>(),
}));

const node = { path: '/dev/bus/usb/001/002', mayOpen: true, owner: 'root', group: 'root', mode: 'crw-rw----' };
const chip = (serial: string, path: string, change: Partial<UsbDeviceInfo> = {}): UsbDeviceInfo => ({
  path,
  vendor: 0x0403,
  product: 0x6010,
  release: 0x700,
  serial,
  name: 'FTDI Dual RS232-HS',
  interfaces: [],
  address: 2,
  node,
  ...change,
});
const ONE = chip('ICE-1', '1-1');
const TWO = chip('ICE-2', '1-2', { product: 0x6014 });
const MOUSE = chip('', '1-3', { vendor: 0x046d });

const select = async (text: string | undefined): ReturnType<typeof selectProgrammer> =>
  await selectProgrammer(text === undefined ? undefined : parseSelector(text));

describe('a programmer', () => {
  it.each([
    ['ICE-2', '1-2'],
    ['usb:0403:6010', '1-1'],
    ['usb:0403:6014:ICE-2', '1-2'],
    ['usb:1-1', '1-1'],
  ])('is selected by %s', async (selector, path) => {
    vi.mocked(sysfsDevices).mockReturnValue([ONE, TWO, MOUSE]);
    expect((await select(selector)).info.path).toBe(path);
  });

  it('is the only one there is', async () => {
    vi.mocked(sysfsDevices).mockReturnValue([MOUSE, TWO]);
    expect((await select(undefined)).info.path).toBe('1-2');
  });

  it.each<[string | undefined, readonly UsbDeviceInfo[], string]>([
    [undefined, [MOUSE], 'board-not-found'],
    [undefined, [ONE, TWO], 'board-ambiguous'],
    ['usb:0403:6010', [ONE, chip('ICE-3', '1-4')], 'board-ambiguous'],
    ['usb:0403:6010:ICE-9', [ONE, TWO], 'board-not-found'],
    ['usb:1-3', [ONE, MOUSE], 'board-not-flashable'],
    ['serial:/dev/ttyUSB0', [ONE], 'board-not-flashable'],
    [undefined, [{ ...ONE, node: { ...node, mayOpen: false } }], 'board-denied'],
  ])(
    '%s is refused where it means nobody, several, another or one that may not be opened',
    async (selector, devices, code) => {
      vi.mocked(sysfsDevices).mockReturnValue([...devices]);
      expect((await boardErrorOf(select(selector))).code).toBe(code);
    },
  );
});
