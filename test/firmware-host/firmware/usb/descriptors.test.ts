/** What the board says about itself, read by a parser of its own and held against the rules of the standards. */

import { describe, expect, it } from 'vitest';
import type { DfuMode } from '../../../../firmware-host/firmware/usb/dfu.js';
import { BoardOnUsb } from '../../../helpers/board-on-usb.js';

interface Item {
  readonly type: number;
  readonly bytes: Buffer;
}

/** USB 2.0, 9.5: a descriptor is as long as its first byte says. */
function items(bytes: Uint8Array): Item[] {
  const found: Item[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at] ?? 0;
    if (length < 2 || at + length > bytes.length) throw new Error(`a descriptor of ${length} bytes at ${at}`);
    found.push({ type: bytes[at + 1] ?? -1, bytes: Buffer.from(bytes.subarray(at, at + length)) });
    at += length;
  }
  return found;
}

const ofType = (all: readonly Item[], type: number): Buffer[] =>
  all.filter((item) => item.type === type).map(({ bytes }) => bytes);

/** A board in each of its appearances. */
function appearances(): [string, BoardOnUsb][] {
  const detached = (mode: DfuMode): BoardOnUsb => {
    const usb = new BoardOnUsb({ mode });
    usb.control(0x21, 0, { value: 1000 });
    if (usb.device.hasLeft) usb.device.unplug();
    else usb.device.busReset();
    return usb;
  };
  return [
    ['always in DFU mode', new BoardOnUsb()],
    ['in the runtime, for a reset', new BoardOnUsb({ mode: 'reset' })],
    ['in the runtime, detaching', new BoardOnUsb({ mode: 'will-detach' })],
    ['in DFU mode behind a reset', detached('reset')],
    ['in DFU mode, detached', detached('will-detach')],
  ];
}

describe.each(appearances())('a board %s', (title, usb) => {
  const get = (type: number, index = 0): Buffer =>
    Buffer.from(usb.control(0x80, 6, { value: (type << 8) | index, index: 0, length: 65_535 }) ?? []);
  const hasSerial = !title.startsWith('in DFU mode');
  const isRuntime = title.startsWith('in the runtime');
  const device = get(1);

  it('has a device descriptor of USB 2.1 with the test id of pid.codes', () => {
    expect(device).toHaveLength(18);
    expect([device[0], device[1], device.readUInt16LE(2), device[7]]).toEqual([18, 1, 0x0210, 64]);
    expect([device.readUInt16LE(8), device.readUInt16LE(10), device[17]]).toEqual([0x1209, 1, 1]);
    // Interface associations demand this class: ECN "Interface Association Descriptor".
    expect([...device.subarray(4, 7)]).toEqual(hasSerial ? [0xef, 2, 1] : [0, 0, 0]);
  });

  it('has a qualifier that says the same for the other speed', () => {
    const qualifier = get(6);
    expect([...qualifier]).toEqual([10, 6, ...device.subarray(2, 8), 1, 0]);
  });

  it('has strings for all indices that occur, and for no others', () => {
    const parsed = items(get(2));
    const indices = [
      ...device.subarray(14, 17),
      ...ofType(parsed, 4).map((bytes) => bytes[8] ?? 0),
      ...ofType(parsed, 11).map((bytes) => bytes[7] ?? 0),
      ...ofType(parsed, 2).map((bytes) => bytes[6] ?? 0),
    ];
    for (const index of indices.filter((at) => at > 0)) {
      const text = get(3, index);
      expect([text[0], text[1]]).toEqual([text.length, 3]);
      expect(text.subarray(2).toString('utf16le')).toMatch(/^[\x20-\x7e]+$/);
    }
    expect([...get(3, 0)]).toEqual([4, 3, 0x09, 0x04]);
    expect(get(3, 3).subarray(2).toString('utf16le')).toBe('T-1');
    expect(get(3, 7)).toHaveLength(0);
  });

  it.each([
    ['high', 2, 512],
    ['full', 7, 64],
  ] as const)('has a configuration at %s speed that holds together', (_, type, bulkBytes) => {
    const bytes = get(type);
    expect(bytes.readUInt16LE(2)).toBe(bytes.length);
    const parsed = items(bytes);
    expect(parsed[0]?.type).toBe(type);
    expect([bytes[5], (bytes[7] ?? 0) & 0x9f]).toEqual([1, 0x80]);
    const interfaces = ofType(parsed, 4);
    const numbers = new Set(interfaces.map((item) => item[2]));
    expect([...numbers]).toEqual(Array.from({ length: bytes[4] ?? 0 }, (__, index) => index));
    // 9.6.5: each interface descriptor is followed by as many endpoints as it announces.
    for (const [index, item] of parsed.entries()) {
      if (item.type !== 4) continue;
      const next = parsed.slice(index + 1);
      const end = next.findIndex((other) => other.type === 4 || other.type === 11);
      const own = ofType(end < 0 ? next : next.slice(0, end), 5);
      expect(own).toHaveLength(item.bytes[4] ?? -1);
    }
    const endpoints = ofType(parsed, 5);
    expect(new Set(endpoints.map((item) => item[2])).size).toBe(endpoints.length);
    for (const endpoint of endpoints) {
      expect(endpoint).toHaveLength(7);
      const isBulk = ((endpoint[3] ?? 0) & 3) === 2;
      // 5.8.3: bulk packets have 512 bytes at high speed; 5.7.3 and 9.6.6: interrupt intervals.
      const interval = endpoint[6] ?? 0;
      const isRight = isBulk ? endpoint.readUInt16LE(4) === bulkBytes : interval > 0 && (type === 7 || interval <= 16);
      expect(isRight).toBe(true);
    }
  });

  it('has a serial port as PSTN 1.2 wants it, where it has one', () => {
    const parsed = items(get(2));
    const functional = ofType(parsed, 0x24);
    const associations = ofType(parsed, 11).map((item) => [...item.subarray(2, 7)]);
    // Header, call management with its data interface, ACM with its capabilities, union.
    const expected = [
      [0, 0x20, 1],
      [1, 0, 1],
      [2, 6],
      [6, 0, 1],
    ];
    expect(functional.map((item) => [...item.subarray(2)])).toEqual(hasSerial ? expected : []);
    expect(associations).toEqual(hasSerial ? [[0, 2, 2, 2, 0]] : []);
  });

  it('has a DFU interface as DFU 1.1 wants it', () => {
    const parsed = items(get(2));
    const settings = ofType(parsed, 4).filter((item) => item[5] === 0xfe && item[6] === 1);
    expect(settings.map((item) => [item[3], item[4], item[7]])).toEqual(
      isRuntime
        ? [[0, 0, 1]]
        : [
            [0, 0, 2],
            [1, 0, 2],
          ],
    );
    const names = settings.map((item) => get(3, item[8]).subarray(2).toString('utf16le'));
    expect(names).toEqual(['weights', 'gateware'].slice(0, settings.length));
    const [functional] = ofType(parsed, 0x21);
    expect(functional).toHaveLength(9);
    const attributes = title.includes('always') ? 0x07 : title.includes('reset') ? 0x03 : 0x0b;
    expect([functional?.[2], functional?.readUInt16LE(3)]).toEqual([attributes, 1000]);
    expect([functional?.readUInt16LE(5), functional?.readUInt16LE(7)]).toEqual([4096, 0x0110]);
  });

  it('has a BOS whose Microsoft set is for the DFU function alone', () => {
    const bos = get(15);
    expect([bos.readUInt16LE(2), bos[4]]).toEqual([bos.length, 2]);
    const capabilities = ofType(items(bos), 16);
    expect(capabilities.map((item) => item[2])).toEqual([5, 5]);
    // WebUSB, 4.1: bcdVersion 1.00, and no landing page.
    expect(capabilities[0]?.toString('hex')).toBe('1810050038b60834a909a0478bfda0768815b66500010200');
    const platform = capabilities[1] ?? Buffer.alloc(28);
    expect(platform.subarray(3, 24).toString('hex')).toBe('00df60ddd88945c74c9cd2659d9e648a9f00000306');
    const vendorCode = platform[26] ?? 0;
    const set = Buffer.from(usb.control(0xc0, vendorCode, { index: 7, length: 4096 }) ?? []);
    expect(set).toHaveLength(platform.readUInt16LE(24));
    const parts = microsoftParts(set);
    const configuration = items(get(2));
    const dfu = ofType(configuration, 4).find((item) => item[5] === 0xfe)?.[2] ?? -1;
    expect(parts.map(({ type }) => type)).toEqual(hasSerial ? [0, 1, 2, 3, 4] : [0, 3, 4]);
    const functions = parts.filter(({ type }) => type === 2).map(({ bytes }) => bytes[4]);
    expect(functions).toEqual(hasSerial ? [dfu] : []);
    // Each header's total covers what follows it: the set, the configuration, the function.
    const totals = parts.flatMap(({ type, bytes }) => (type < 3 ? [bytes.readUInt16LE(type === 0 ? 8 : 6)] : []));
    expect(totals).toEqual([set.length, set.length - 10, set.length - 18].slice(0, totals.length));
    const compatible = parts.find(({ type }) => type === 3)?.bytes;
    expect(compatible?.subarray(4).toString('latin1')).toBe('WINUSB\0\0\0\0\0\0\0\0\0\0');
    const registry = parts.find(({ type }) => type === 4)?.bytes ?? Buffer.alloc(0);
    const nameLength = registry.readUInt16LE(6);
    expect([registry.readUInt16LE(4), registry.subarray(8, 8 + nameLength).toString('utf16le')]).toEqual([
      7,
      'DeviceInterfaceGUIDs\0',
    ]);
    const value = registry.subarray(10 + nameLength).toString('utf16le');
    expect(registry.readUInt16LE(8 + nameLength)).toBe(2 * value.length);
    expect(value).toMatch(/^\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}\0\0$/);
  });

  it('gives no more of a descriptor than is asked for', () => {
    expect(usb.control(0x80, 6, { value: 0x200, index: 0, length: 9 })).toHaveLength(9);
    expect(usb.control(0x80, 6, { value: 0x100, index: 0, length: 8 })).toEqual(new Uint8Array(device.subarray(0, 8)));
  });
});

/** "Microsoft OS 2.0 Descriptors Specification": every part has its length and its type first. */
function microsoftParts(set: Buffer): Item[] {
  const parts: Item[] = [];
  for (let at = 0; at < set.length;) {
    const length = set.readUInt16LE(at);
    if (length < 4 || at + length > set.length) throw new Error(`a part of ${length} bytes at ${at}`);
    parts.push({ type: set.readUInt16LE(at + 2), bytes: set.subarray(at, at + length) });
    at += length;
  }
  return parts;
}
