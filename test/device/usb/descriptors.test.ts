import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  configurationLength,
  decodeConfiguration,
  decodeDeviceDescriptor,
  decodeString,
  DescriptorError,
} from '../../../device/usb/descriptors.js';
import { dfuSettings } from '../../../device/dfu/dfu-functions.js';
import { deviceDescriptors } from '../../../firmware-host/firmware/usb/descriptors.js';

/** A USB mouse, from USB HID 1.11, appendix E.2 to E.5 (bInterval and wMaxPacketSize as there). */
const MOUSE_DEVICE = Uint8Array.from([18, 1, 0, 1, 0, 0, 0, 8, 0xff, 0xff, 1, 0, 0, 1, 4, 14, 30, 1]);
const MOUSE = Uint8Array.from(
  [
    [9, 2, 34, 0, 1, 1, 0, 0xa0, 50],
    [9, 4, 0, 0, 1, 3, 1, 2, 0],
    [9, 0x21, 0x11, 1, 0, 1, 0x22, 50, 0],
    [7, 5, 0x81, 3, 4, 0, 10],
  ].flat(),
);

const BOARD = deviceDescriptors({
  identity: { board: 'test', serial: 'T-1', firmware: '0' },
  hasSerial: true,
  dfuProtocol: 2,
  dfuAttributes: 7,
});

describe('descriptors', () => {
  it('of the mouse in the HID standard are read', () => {
    expect(decodeDeviceDescriptor(MOUSE_DEVICE)).toEqual({
      maxPacketSize0: 8,
      vendor: 0xffff,
      product: 1,
      release: 0x0100,
      manufacturerIndex: 4,
      productIndex: 14,
      serialIndex: 30,
      configurations: 1,
    });
    expect(decodeConfiguration(MOUSE)).toEqual({
      value: 1,
      interfaces: [
        {
          number: 0,
          alternate: 0,
          class: 3,
          subclass: 1,
          protocol: 2,
          nameIndex: 0,
          endpoints: [{ address: 0x81, type: 3, maxPacketSize: 4 }],
          others: [Uint8Array.from([9, 0x21, 0x11, 1, 0, 1, 0x22, 50, 0])],
        },
      ],
    });
  });

  it('of a board of ours have the DFU settings of docs/USB.md', () => {
    const settings = dfuSettings(decodeConfiguration(BOARD.configuration));
    expect(settings.map(({ mode, interfaceNumber, alternate }) => [mode, interfaceNumber, alternate])).toEqual([
      ['dfu', 2, 0],
      ['dfu', 2, 1],
    ]);
    expect(settings[0]?.functional).toEqual({
      canDownload: true,
      canUpload: true,
      willDetach: false,
      detachTimeoutMs: 1000,
      transferSize: 4096,
      version: 0x0110,
    });
  });

  it('may have bytes behind them that are not theirs', () => {
    expect(decodeConfiguration(Uint8Array.from([...MOUSE, 0, 0, 0]))).toEqual(decodeConfiguration(MOUSE));
  });

  it('are refused when they are cut short, at any byte', () => {
    for (const bytes of [MOUSE, BOARD.configuration]) {
      for (let length = 0; length < bytes.length; length++) {
        expect(() => decodeConfiguration(bytes.slice(0, length)), `${length} bytes`).toThrow(DescriptorError);
      }
    }
    for (let length = 0; length < 18; length++) {
      expect(() => decodeDeviceDescriptor(MOUSE_DEVICE.slice(0, length))).toThrow(DescriptorError);
    }
  });

  it.each<[string, (bytes: Uint8Array) => unknown]>([
    ['a descriptor of no length', (bytes) => (bytes[9] = 0)],
    ['a descriptor of one byte', (bytes) => (bytes[18] = 1)],
    ['a descriptor that ends outside', (bytes) => (bytes[27] = 8)],
    ['an interface of 8 bytes', (bytes) => bytes.set([8, 4], 9)],
    ['an endpoint of 6 bytes', (bytes) => bytes.set([6, 5], 27)],
    ['a total of less than the head', (bytes) => (bytes[2] = 8)],
    ['a total of more than there is', (bytes) => (bytes[2] = 35)],
    ['another type', (bytes) => (bytes[1] = 3)],
    ['a head of 8 bytes', (bytes) => (bytes[0] = 8)],
  ])('are refused with %s', (_, change) => {
    const bytes = MOUSE.slice();
    change(bytes);
    expect(() => decodeConfiguration(bytes)).toThrow(DescriptorError);
  });

  it('are read or refused, whatever the bytes are, and quickly', () => {
    const mutated = fc
      .array(fc.tuple(fc.nat(BOARD.configuration.length - 1), fc.nat(255)), { maxLength: 8 })
      .map((changes) => {
        const bytes = BOARD.configuration.slice();
        for (const [at, value] of changes) bytes[at] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        for (const decode of [
          configurationLength,
          decodeDeviceDescriptor,
          decodeString,
          (input: Uint8Array): unknown => dfuSettings(decodeConfiguration(input)),
        ]) {
          expect(messageOf(() => decode(bytes))).toMatch(/^(?:$|its |an? )/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

/** Of its refusal; empty if there is none. Any other error fails the test. */
function messageOf(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    if (error instanceof DescriptorError) return error.message;
    throw error;
  }
}

describe('a string descriptor', () => {
  const ofText = (text: string): Uint8Array =>
    Uint8Array.from([2 + 2 * text.length, 3, ...Buffer.from(text, 'utf16le')]);

  it.each([
    ['mmfree', 'mmfree'],
    ['', ''],
    [' Größe 7 ', 'Größe 7'],
    ['a\u001b[2Jc\u202ed', 'a[2Jcd'],
    ['up to here\u0000not here', 'up to here'],
    ['\ud800x', 'x'],
    ['y'.repeat(126), 'y'.repeat(126)],
  ])('of %j is %j', (text, expected) => {
    expect(decodeString(ofText(text))).toBe(expected);
  });

  it('with an odd length has a byte that does not count', () => {
    expect(decodeString(Uint8Array.of(5, 3, 65, 0, 66))).toBe('A');
  });

  it.each([[[]], [[2]], [[4, 3, 65]], [[2, 2]], [[0, 3]], [[1, 3]]])('of the bytes %j is refused', (bytes) => {
    expect(() => decodeString(Uint8Array.from(bytes))).toThrow(DescriptorError);
  });
});
