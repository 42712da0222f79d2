import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { linuxPorts } from '../../../device/finding/serial-ports.js';

/** As Linux lays it out: /sys/class/tty/NAME/device links into the tree of devices, the ids are some folders above. */
const root = mkdtempSync(join(tmpdir(), 'mmfree-sysfs-'));
const [tty, dev] = [join(root, 'class/tty'), join(root, 'dev')];

beforeAll(() => {
  const device = join(root, 'devices/pci0000:00/usb1/1-2');
  mkdirSync(join(device, '1-2:1.0'), { recursive: true });
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
});

afterAll(() => rmSync(root, { recursive: true }));

it('finds the ports of the computer itself, without the consoles, PC ports and those on USB', () => {
  expect(linuxPorts(tty, dev)).toEqual([{ path: join(dev, 'ttyAMA0') }, { path: join(dev, 'ttyUSB7') }]);
});

it('finds none where there is no sysfs', () => {
  expect(linuxPorts(join(root, 'no/such/folder'), dev)).toEqual([]);
});
