import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deviceNode } from '../../../device/finding/read-device-node.js';
import { sysfsDevices } from '../../../device/usb/sysfs.js';
import { SysfsTree } from '../../helpers/sysfs-tree.js';

let root = '';
let tree: SysfsTree;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mmfree-sysfs-'));
  tree = new SysfsTree(root);
});

afterEach(() => rmSync(root, { recursive: true }));

const BOARD = {
  idVendor: '1209',
  idProduct: '0001',
  manufacturer: 'mmfree',
  product: 'mmfree board (virtual)',
  serial: 'A-1',
};

describe('the devices in sysfs', () => {
  it('are read with interfaces, drivers, ports and files', () => {
    tree.plug('3-1.4', {
      address: 7,
      attributes: BOARD,
      interfaces: [
        { class: '02', subclass: '02', driver: 'cdc_acm', port: 'ttyACM0' },
        { class: '0a', driver: 'cdc_acm' },
        { class: 'fe', subclass: '01', protocol: '02' },
      ],
    });
    expect(sysfsDevices(tree.sysfs, tree.dev)).toEqual([
      {
        path: '3-1.4',
        vendor: 0x1209,
        product: 1,
        release: 0x0100,
        serial: 'A-1',
        name: 'mmfree mmfree board (virtual)',
        address: 7,
        interfaces: [
          { number: 0, class: 2, subclass: 2, protocol: 0, driver: 'cdc_acm', port: join(tree.dev, 'ttyACM0') },
          { number: 1, class: 10, subclass: 0, protocol: 0, driver: 'cdc_acm' },
          { number: 2, class: 0xfe, subclass: 1, protocol: 2 },
        ],
        node: deviceNode(join(tree.dev, 'bus/usb/003/007')),
      },
    ]);
  });

  it('have the ports of serial converters beside their interfaces', () => {
    const converter = { class: 'ff', driver: 'ftdi_sio', port: 'ttyUSB3', isInTtyFolder: false };
    tree.plug('1-2', { address: 2, attributes: { idVendor: '0403', idProduct: '6001' }, interfaces: [converter] });
    expect(sysfsDevices(tree.sysfs, tree.dev)[0]?.interfaces[0]?.port).toBe(join(tree.dev, 'ttyUSB3'));
  });

  it('are in the order of their ports, without hubs and root hubs', () => {
    for (const [path, address] of [
      ['1-10', 4],
      ['1-2', 3],
      ['2-1', 2],
    ] as const)
      tree.plug(path, { address, attributes: BOARD });
    tree.plug('1-1', { address: 5, attributes: { ...BOARD, bDeviceClass: '09' } });
    mkdirSync(join(root, 'devices/pci0000:00/usb1'), { recursive: true });
    symlinkSync(join(root, 'devices/pci0000:00/usb1'), join(tree.sysfs, 'usb1'));
    expect(sysfsDevices(tree.sysfs, tree.dev).map(({ path }) => path)).toEqual(['1-2', '1-10', '2-1']);
  });

  it('have strings that do nothing to a terminal, whatever a device calls itself', () => {
    const serial = Uint8Array.from([0x1b, 0x5b, 0x32, 0x4a, 0xff, 0xfe, 0x41, 0x0a, 0x42]);
    tree.plug('1-1', { address: 2, attributes: { ...BOARD, serial, product: 'x'.repeat(5000) } });
    const [device] = sysfsDevices(tree.sysfs, tree.dev);
    expect(device?.serial).toBe('[2J\ufffd\ufffdAB');
    expect(device?.name).toHaveLength('mmfree '.length + 126);
  });

  it('that go away while they are read, or have other files than they should, are left out', () => {
    tree.plug('1-1', { address: 2, attributes: BOARD });
    tree.plug('1-2', { address: 3, attributes: { ...BOARD, idVendor: 'zz' } });
    tree.plug('1-3', { address: 4, attributes: { idVendor: '1209' } });
    symlinkSync(join(root, 'nowhere'), join(tree.sysfs, '1-4'));
    mkdirSync(join(root, 'devices/pci0000:00/usb1/1-1/1-1:1.0'));
    expect(sysfsDevices(tree.sysfs, tree.dev).map(({ path, interfaces }) => [path, interfaces])).toEqual([['1-1', []]]);
  });

  it('are none where there is no sysfs', () => {
    expect(sysfsDevices(join(root, 'nowhere'), tree.dev)).toEqual([]);
  });
});

describe('a device file', () => {
  it('says who may open it, by names', () => {
    const file = join(root, 'ttyACM0');
    writeFileSync(file, '');
    chmodSync(file, 0o640);
    writeFileSync(join(root, 'passwd'), `root:x:0:0::/:/bin/sh\nme:x:${process.getuid?.()}:1::/:/bin/sh\n`);
    writeFileSync(join(root, 'group'), `staff:x:${process.getgid?.()}:\n`);
    const owner = process.getuid?.() === 0 ? 'root' : 'me';
    expect(deviceNode(file, root)).toEqual({ path: file, mayOpen: true, owner, group: 'staff', mode: '-rw-r-----' });
  });

  it('has numbers for owners without a name, and nothing if it is not there', () => {
    const file = join(root, 'ttyACM0');
    writeFileSync(file, '');
    expect(deviceNode(file, root)).toMatchObject({
      owner: String(process.getuid?.()),
      group: String(process.getgid?.()),
    });
    expect(deviceNode(join(root, 'nowhere'))).toMatchObject({ mayOpen: false, owner: '', mode: '' });
  });
});
