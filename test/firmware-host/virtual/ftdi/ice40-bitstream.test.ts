import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configure } from '../../../../firmware-host/virtual/ftdi/ice40-bitstream.js';
import { bitstream } from '../../../helpers/bitstream.js';

/**
 * A counter for an iCE40HX1K:
 * `module top(input clk, output led); reg [23:0] c = 0; always @(posedge clk) c <= c+1; assign led = c[23]; endmodule`,
 * by Yosys 0.23, nextpnr-ice40 0.4 and icepack of Debian 12; deflated.
 */
const COUNTER = [
  '7ZwxbxNBEIVnd421SCD5EsmmPCEauqNEFKzSUlHTWKkoUX5AtLKs1BYdokmVgl9BSXH/hzLobEHw+Wy/syc+n+99ja0oep7bfZ57N9rkXuT++s',
  'e3649innyV9NJ8uJLZRCQRY6TT9BYvg8VLKL8XcxSSpA6BS0CIOrbJD0+5/rXA7zK+Ff3S6/vS6/vSH/TC2yEZB6u35aUk1PunEVf20y7J/13s',
  'qH+lNSTRKif6kjV8qS8ppyUZK1I54st5vzx6X3p9X3p9X3r9He+SJPMl8yWfxwlhv2S/PDYSw+n6HE7XCSGENHgbIkyZp8fy9CiW3++yf62QtP',
  'qSEZX0qb4kXmXNNa9f5XR9lWY1hVckcqmeauqa6Eglrb5kRCV39qW0wpeC+lI2+HLHokV/HQ4raZusMj2etXwEpugvDhhXmC8JfdltX6o8jye2',
  '69P1/8OR14/DSpJktz1g12TXJPQld2xbv2zH+aKg78twqCo7KxmXdsmvSUoPg6qKQwjliWmzZ4TRKif6krX7paaknJZkhS8t6ksfWuFLpSq3S+',
  '61PZTcT5L5kvmSz+OPl3zoyxMhbcFHu5as5asGPxudfftmFzNxnK4/mJ/TdUIIYcpsgEiH0ZcnSBD3FjhMbKQvNp+hDyHvxAKSIi6fgWncvZGA',
  'SqaYL10GSw7vsB4BXrjPXD5ALvzZXBLYnt4vKSSRImOxlsgfafpCsj+WL9s1rctKlU0rqywkz+N461H8Ipm7LFRONau2J44xE2XBopI3oC8zQa',
  'scgfeQGpLDCPoyCxeA5Hx77nqoZAAlz27HoCTsy7Mou/lyw4XHkhfX+/JCRF6H2ZZxgstHxVo+/WwAXwZoQuHy0e0Y7ZcCSmJd3S62B6zyBr5R',
  'QJKpywdD9NsT0CrP4S9kXPmHVGskP8VFv3wh5ufGCdTz0k/WnV83K8mTmYb5ktCXfB7fi0t5fyUxKU7ZGEe7EtJlJhLZBgjpNolhHiCEeYB5gJ',
  'DO5wHLPEAI8wDzACGdzwOOeYAQ5gHmAUK6zsvvv01f/gA=',
].join('');

const counter = (): Uint8Array => new Uint8Array(inflateRawSync(Buffer.from(COUNTER, 'base64')));

describe('an FPGA', () => {
  it('starts from what icepack writes, and sends the flash to sleep unless told otherwise', () => {
    const bytes = counter();
    expect(bytes).toHaveLength(32_220);
    // A byte of padding follows.
    expect(configure(bytes)).toEqual({ readBytes: 32_219, sendsToSleep: true });
    expect(configure(Buffer.concat([bytes, new Uint8Array(100).fill(0xff)]))?.readBytes).toBe(32_219);
    expect(configure(bitstream(1, { sleeps: false }))?.sendsToSleep).toBe(false);
  });

  it('does not start if any byte of it is wrong, but for those in front of the CRC', () => {
    const bytes = bitstream(3);
    expect(configure(bytes)).toBeDefined();
    const preamble = Buffer.from(bytes).indexOf(0x7e);
    // The speed of the oscillator, and what resets the CRC.
    const uncovered = preamble + 4;
    for (let at = preamble; at < bytes.length - 1; at++) {
      if (at >= uncovered && at < uncovered + 4) continue;
      expect(configure(bytes.with(at, bytes[at]! ^ 0x10)), `byte ${at}`).toBeUndefined();
    }
  });

  it.each([
    ['of the whole bitstream', 32_218],
    ['of half of it', 16_000],
    ['of the preamble', 7],
    ['of nothing', 0],
  ])('does not start from the first bytes %s', (_, length) => {
    expect(configure(counter().subarray(0, length))).toBeUndefined();
  });

  it('survives anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        configure(Buffer.concat([Uint8Array.of(0x7e, 0xaa, 0x99, 0x7e), bytes]));
      }),
    );
  });
});
