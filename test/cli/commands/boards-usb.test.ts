/** What `boards` and `doctor` say of devices on USB: as sysfs shows them, with rights that the test gives. */

import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deviceNode } from '../../../device/finding/read-device-node.js';
import { sysfsDevices } from '../../../device/usb/sysfs.js';
import type { UsbDeviceInfo, UsbInterfaceInfo } from '../../../device/usb/usb-device.js';
import { mmfree, mmfreeJson, temporaryFolder } from '../../helpers/command-line.js';
import { goodImage } from '../../helpers/good-image.js';

vi.mock('../../../device/finding/read-device-node.js');
vi.mock(import('../../../device/usb/sysfs.js'), async (original) => ({
  ...(await original()),
  sysfsDevices: vi.fn<() => UsbDeviceInfo[]>(),
}));

const path = temporaryFolder();
const denied = new Set<string>();

const nodeOf = (file: string): ReturnType<typeof deviceNode> => {
  const isPort = file.startsWith('/dev/tty');
  return {
    path: file,
    mayOpen: !denied.has(file),
    owner: 'root',
    group: isPort ? 'dialout' : 'root',
    mode: 'crw-rw----',
  };
};

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
  vi.mocked(deviceNode).mockImplementation(nodeOf);
  denied.clear();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const ACM: UsbInterfaceInfo = {
  number: 0,
  class: 2,
  subclass: 2,
  protocol: 0,
  driver: 'cdc_acm',
  port: '/dev/ttyACM0',
};
const DFU: UsbInterfaceInfo = { number: 2, class: 0xfe, subclass: 1, protocol: 2 };

function plugIn(interfaces: readonly UsbInterfaceInfo[], change: Partial<UsbDeviceInfo> = {}): void {
  const device: UsbDeviceInfo = {
    path: '1-2',
    vendor: 0x1209,
    product: 1,
    release: 0x0100,
    serial: 'A-1',
    name: 'mmfree board',
    interfaces,
    address: 5,
    ...change,
  };
  vi.mocked(sysfsDevices).mockReturnValue([{ ...device, node: nodeOf('/dev/bus/usb/001/005') }]);
}

async function board(): Promise<Record<string, unknown> | undefined> {
  const { exit, events } = await mmfreeJson('boards');
  expect(exit).toBe(0);
  return events.find(({ type }) => type === 'board');
}

describe('boards', () => {
  it('says of a board that may not be opened whose it is, in what mode, and the command that mends it', async () => {
    denied.add('/dev/ttyACM0').add('/dev/bus/usb/001/005');
    plugIn([ACM, DFU]);
    expect(await board()).toMatchObject({
      selector: 'usb:1209:0001:A-1',
      kind: 'usb',
      usb: '1209:0001',
      usb_path: '1-2',
      port: '/dev/ttyACM0',
      dfu: true,
      state: 'denied',
      facts: { path: '/dev/ttyACM0', owner: 'root', group: 'dialout', mode: 'crw-rw----' },
      fix: expect.stringContaining('sudo usermod -aG dialout $USER'),
      flash_problem: {
        facts: { path: '/dev/bus/usb/001/005', owner: 'root', group: 'root', mode: 'crw-rw----' },
        fix: expect.stringContaining('sudo mmfree doctor --fix'),
      },
    });
    const { stdout } = await mmfree('boards');
    expect(stdout.lines).toEqual([
      'usb:1209:0001:A-1  mmfree board  usb 1209:0001 at 1-2  /dev/ttyACM0',
      '  /dev/ttyACM0 belongs to root, group dialout, mode crw-rw----, and your user may not read and write it.',
      '  Run `sudo usermod -aG dialout $USER`, then log in again.',
      '  cannot be flashed: /dev/bus/usb/001/005 belongs to root, group root, mode crw-rw----, and your user may not write it.',
      expect.stringContaining('doctor --fix'),
    ]);
    expect((await mmfree('boards', '--board', 'A-1')).exit).toBe(4);
  });

  it('says which driver has a board', async () => {
    const { port: _, ...held } = { ...ACM, driver: 'option' };
    plugIn([held, DFU]);
    expect(await board()).toMatchObject({
      state: 'board-wrong-driver',
      port: null,
      fix: expect.stringContaining('echo 1-2:1.0 | sudo tee /sys/bus/usb/drivers/option/unbind'),
    });
    expect((await mmfree('run', '--board', 'A-1', 'x')).exit).toBe(16);
  });

  it('says that a board is broken, if the system can make nothing of its descriptors', async () => {
    plugIn([]);
    expect(await board()).toMatchObject({ state: 'board-broken' });
    expect((await mmfree('flash', path('x'), '--board', 'A-1')).exit).toBe(6);
    expect((await mmfree('run', '--board', 'A-1', 'x')).exit).toBe(17);
  });

  it('shows what can be flashed, without asking it', async () => {
    plugIn([DFU]);
    expect(await board()).toMatchObject({ state: 'dfu', kind: 'usb' });
    plugIn([DFU], { vendor: 0x1d50, product: 0x6017 });
    expect(await board()).toMatchObject({ state: 'dfu', kind: 'dfu', selector: 'usb:1d50:6017:A-1' });
    expect((await mmfree('boards')).stdout.text).toContain('flash FILE --board usb:1d50:6017:A-1 --dfu-alt NAME');
  });

  it('shows an FT2232H as what may be an FPGA board, with the port of its second channel, and asks nothing', async () => {
    const [A, B] = [0, 1].map((number) => ({ number, class: 0xff, subclass: 0xff, protocol: 0xff }));
    const ids = { vendor: 0x0403, product: 0x6010, serial: 'ICE-1', name: '1BitSquared iCEBreaker' };
    plugIn(
      [
        { ...A!, driver: 'ftdi_sio', port: '/dev/ttyUSB0' },
        { ...B!, driver: 'ftdi_sio', port: '/dev/ttyUSB1' },
      ],
      ids,
    );
    expect(await board()).toMatchObject({
      selector: 'serial:/dev/ttyUSB1',
      kind: 'ftdi',
      state: 'not-asked',
      programmer: 'usb:0403:6010:ICE-1',
    });
    plugIn([A!, B!], ids);
    expect((await mmfree('boards')).stdout.lines).toEqual([
      'usb:0403:6010:ICE-1  1BitSquared iCEBreaker  usb 0403:6010 at 1-2',
      '  FT2232H, maybe an FPGA board, not asked; its flash: mmfree gateware flash --board usb:0403:6010:ICE-1',
    ]);
    expect((await mmfree('flash', path('x'))).exit).toBe(6);
    expect((await mmfree('run', 'x', '--backend', 'reference', '--board', 'ICE-1')).exit).not.toBe(0);
  });

  it('says how a microcontroller in boot mode becomes a board, and takes it for none', async () => {
    const storage = { number: 0, class: 8, subclass: 6, protocol: 0x50, driver: 'usb-storage' };
    plugIn([storage], { vendor: 0x2e8a, product: 3, name: 'RP2 Boot' });
    expect(await board()).toMatchObject({ kind: 'drive', state: 'boot-mode', drive: 'RPI-RP2' });
    const { text } = (await mmfree('boards')).stdout;
    expect(text).toContain('mmfree flash IMAGE --board usb:');
    expect(text).toContain('drive RPI-RP2, which `mmfree pack --uf2 IMAGE -o FILE.uf2` makes');
    plugIn([storage], { vendor: 0x2e8a, product: 0x000f });
    expect(await board()).toMatchObject({ state: 'boot-mode', drive: 'RP2350' });
    expect((await mmfree('run', 'x', '--backend', 'reference', '--board', 'usb:2e8a:000f')).exit).not.toBe(0);
  });

  it('flashes a microcontroller in boot mode without being told which, or says what to do instead', async () => {
    writeFileSync(path('fits'), goodImage(1));
    denied.add('/dev/bus/usb/001/005');
    plugIn([{ number: 1, class: 0xff, subclass: 0, protocol: 0 }], { vendor: 0x2e8a, product: 3, name: 'RP2 Boot' });
    expect(await board()).toMatchObject({
      state: 'boot-mode',
      flash_problem: { cause: expect.stringContaining('may not') },
    });
    const { exit, stderr } = await mmfree('flash', path('fits'));
    expect(exit).toBe(4);
    expect(stderr.text).toContain('or drag a file onto its drive RPI-RP2');
    expect(stderr.text).toContain('sudo mmfree doctor --fix');
  });

  it('has nothing to say of a mouse', async () => {
    plugIn([{ number: 0, class: 3, subclass: 1, protocol: 2, driver: 'usbhid' }], { vendor: 0x46d });
    expect(await board()).toBeUndefined();
  });
});

describe('doctor', () => {
  it('fails for a board of ours that may not be opened, with its exit code, and only warns of others', async () => {
    denied.add('/dev/ttyACM0');
    plugIn([ACM, DFU]);
    const { exit, events } = await mmfreeJson('doctor');
    expect(exit).toBe(4);
    expect(events.find(({ name }) => name === 'boards')).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('dialout'),
    });
    plugIn([ACM], { vendor: 0x1a86 });
    expect((await mmfreeJson('doctor')).events.find(({ name }) => name === 'boards')).toMatchObject({ state: 'warn' });
  });

  it('finds nothing wrong with a board in DFU mode', async () => {
    plugIn([DFU]);
    const { exit, events } = await mmfreeJson('doctor');
    expect(exit).toBe(0);
    expect(events.find(({ name }) => name === 'boards')).toMatchObject({
      state: 'ok',
      text: expect.stringContaining('ready to be flashed'),
    });
  });
});
