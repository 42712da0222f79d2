import { describe, expect, it } from 'vitest';
import { findSame, withTwins } from '../../../device/usb/same-device.js';
import type { UsbDeviceInfo } from '../../../device/usb/usb-device.js';

function device(path: string, serial: string, address = 1): UsbDeviceInfo {
  return { path, serial, address, vendor: 0x1209, product: 1, release: 0x100, name: 'board', interfaces: [] };
}

describe('a device that was away', () => {
  it('is known by its serial number at another place', () => {
    const before = device('1-1', 'A');
    expect(findSame([device('1-1', 'B'), device('1-2', 'A', 7)], before)).toMatchObject({ path: '1-2', address: 7 });
  });

  it('is known by its place if it shows no serial number', () => {
    expect(findSame([device('1-1', '', 7), device('1-2', 'A')], device('1-1', 'A'))).toMatchObject({ address: 7 });
    expect(findSame([device('1-2', 'A')], device('1-1', ''))).toBeUndefined();
  });

  it('is not one that had the same serial number beside it, which once was flashed instead', () => {
    const [before, clone] = withTwins([device('1-1', 'SAME'), device('1-2', 'SAME')]);
    expect(findSame([clone!], before!)).toBeUndefined();
    expect(findSame([device('1-1', 'SAME', 7), clone!], before!)).toMatchObject({ path: '1-1', address: 7 });
  });

  it('may be any of several that came meanwhile, which is refused', () => {
    expect(() => findSame([device('1-2', 'A'), device('1-3', 'A')], device('1-1', 'A'))).toThrow('several boards');
  });
});

describe('devices with their twins', () => {
  it('have none by an empty serial number, or that of another vendor', () => {
    const devices = [device('1-1', ''), device('1-2', ''), device('1-3', 'A'), { ...device('1-4', 'A'), vendor: 1 }];
    expect(withTwins(devices)).toEqual(devices);
  });
});
