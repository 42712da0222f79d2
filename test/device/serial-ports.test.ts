import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { linuxPorts } from '../../device/serial-ports.js';

/** As Linux lays it out: /sys/class/tty/NAME/device links into the tree of devices, the ids are some folders above. */
const root = mkdtempSync(join(tmpdir(), 'mmfree-sysfs-'));
const [tty, dev] = [join(root, 'class/tty'), join(root, 'dev')];

beforeAll(() => {
  const device = join(root, 'devices/pci0000:00/usb1/1-2');
  const ids = {
    idVendor: '1209\n',
    idProduct: '0001\n',
    manufacturer: 'mm\u001b[2Jfree\n',
    product: 'Board\n',
    serial: 'A-1\n',
  };
  mkdirSync(join(device, '1-2:1.0'), { recursive: true });
  for (const [name, text] of Object.entries(ids)) writeFileSync(join(device, name), text);
  const uart = join(root, 'devices/platform/uart');
  mkdirSync(uart, { recursive: true });
  mkdirSync(dev);
  const targets = {
    ttyACM0: join(device, '1-2:1.0'),
    ttyAMA0: uart,
    ttyS0: uart,
    tty1: uart,
    ttyUSB7: join(root, 'nowhere'),
  };
  for (const [name, target] of Object.entries(targets)) {
    mkdirSync(join(tty, name), { recursive: true });
    symlinkSync(target, join(tty, name, 'device'));
    if (name !== 'ttyUSB7') writeFileSync(join(dev, name), '');
  }
  chmodSync(join(dev, 'ttyACM0'), 0o600);
});

afterAll(() => rmSync(root, { recursive: true }));

it('finds the ports with their USB devices, without the consoles and PC ports', () => {
  expect(linuxPorts(tty, dev)).toEqual([
    {
      path: join(dev, 'ttyACM0'),
      usb: { vendor: 0x1209, product: 1, serial: 'A-1', name: 'mm[2Jfree Board' },
      mayOpen: true,
    },
    { path: join(dev, 'ttyAMA0'), mayOpen: true },
    { path: join(dev, 'ttyUSB7'), mayOpen: false },
  ]);
});

it('finds none where there is no sysfs', () => {
  expect(linuxPorts(join(root, 'no/such/folder'), dev)).toEqual([]);
});
