import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressText, parseSelector } from '../../device/selector.js';
import type { BoardAddress, BoardSelector } from '../../device/selector.js';

const serial = (path: string, baudRate = 115_200): BoardSelector => ({ kind: 'serial', path, baudRate });

describe('a selector', () => {
  it.each<[string, BoardSelector]>([
    ['serial:/dev/ttyACM0', serial('/dev/ttyACM0')],
    ['serial:/dev/ttyUSB0@3000000', serial('/dev/ttyUSB0', 3_000_000)],
    ['serial:COM3', serial('COM3')],
    ['tcp:localhost:4711', { kind: 'tcp', host: 'localhost', port: 4711 }],
    ['tcp:[::1]:4711', { kind: 'tcp', host: '::1', port: 4711 }],
    ['usb:1209:0001', { kind: 'usb-ids', vendor: 0x1209, product: 1 }],
    ['usb:1209:abCD:A-1', { kind: 'usb-ids', vendor: 0x1209, product: 0xabcd, serial: 'A-1' }],
    ['usb:3-1.4.2', { kind: 'usb-path', path: '3-1.4.2' }],
    ['usbip:localhost', { kind: 'usbip', host: 'localhost', port: 3240 }],
    ['usbip:[::1]:4000/1-1', { kind: 'usbip', host: '::1', port: 4000, busId: '1-1' }],
    ['VB-1234', { kind: 'serial-number', serial: 'VB-1234' }],
  ])('%s is understood', (text, expected) => {
    expect(parseSelector(text)).toEqual(expected);
  });

  it.each([
    '',
    'serial:',
    'serial:@9600',
    'serial:/dev/ttyUSB0@0',
    'serial:/dev/ttyUSB0@fast',
    'serial:/dev/a\0b',
    'tcp:localhost',
    'tcp:localhost:0',
    'tcp:localhost:65536',
    'tcp:::1:4711',
    'usb:12:1',
    'usb:1209:0001:',
    'usb:3',
    'usb:3-',
    'usb:3-1.',
    'usbip:',
    'usbip:host:0',
    'usbip:host/',
    'usbip:host/1 1',
    'http:x',
    'a b',
    'ä',
    'x'.repeat(127),
  ])('%j is none', (text) => {
    expect(parseSelector(text)).toBeUndefined();
  });

  it('of an address is understood as that address', () => {
    const texts = [
      'serial:/dev/ttyACM0',
      'serial:/dev/ttyUSB0@3000000',
      'tcp:localhost:4711',
      'tcp:[::1]:4711',
      'usbip:localhost:3240',
      'usbip:[::1]:4000/1-1',
    ];
    for (const text of texts) expect(addressText(parseSelector(text) as BoardAddress)).toBe(text);
  });

  it('of any text is found out quickly', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (text) => {
        for (const prefix of ['', 'tcp:', 'serial:', 'usb:', 'usbip:']) parseSelector(prefix + text);
      }),
    );
  });
});
