/** The binary for RP2040 as a USB device: descriptors, the serial port, ways out, and hosts that ask for anything. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { binaryObjectStore, microsoftDescriptorSet } from '../../firmware-host/firmware/usb/platform-descriptors.js';
import { picoFlash } from '../../firmware-host/virtual/pico/pico-flash.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { synPayload } from '../../protocol/wire/opening.js';
import { count, figure } from '../helpers/counts.js';
import { frameOf } from '../helpers/frames.js';
import { PicoOnUsb, type Setup } from '../helpers/pico-on-usb.js';
import { Prng } from '../oracle/prng.js';

const BINARY = readFileSync(fileURLToPath(new URL('../../firmware/prebuilt/rp2040.bin', import.meta.url)));
const STRING = 3;
const VENDOR_IN = 0xc0;
const CLASS_OUT = 0x21;
const DFU_INTERFACE = 2;
const SET_INTERFACE = 11;
const RESET_INTERFACE = 3;

/** Without an image. */
function plugged(): PicoOnUsb {
  return new PicoOnUsb(memoryStore(picoFlash(BINARY)));
}

describe('the binary for RP2040 on USB', () => {
  it('says what it is, in as many bytes as are asked for', () => {
    const pico = plugged();
    expect(hex(pico.descriptor(1, 0))).toBe('12011002ef02014009120100000101020301');
    const configuration = pico.descriptor(2, 0) as Uint8Array;
    expect([configuration.length, configuration[2]! | (configuration[3]! << 8)]).toEqual([102, 102]);
    expect(pico.descriptor(2, 0, 9)).toEqual(configuration.subarray(0, 9));
    // A whole packet is the end, where the host wants no more.
    expect(pico.descriptor(2, 0, 64)).toEqual(configuration.subarray(0, 64));
    const names = [1, 2, 3, 4, 5, 6].map((index) => text(pico.descriptor(STRING, index)));
    expect(names).toEqual([
      'mmfree',
      'mmfree board (rp2040)',
      expect.stringMatching(/^[0-9A-F]{16}$/),
      'weights',
      'mmfree serial port',
      'Reset',
    ]);
    expect([pico.descriptor(STRING, 7), pico.descriptor(6, 0)]).toEqual(['stall', 'stall']);
  });

  it('tells Windows of WinUSB as the other boards do, for two interfaces', () => {
    const pico = plugged();
    const set = pico.control({ requestType: VENDOR_IN, request: 1, index: 7, length: 500 }) as Uint8Array;
    expect(hex(pico.descriptor(15, 0))).toBe(hex(binaryObjectStore(set.length)));
    const ofDfu = Buffer.from(microsoftDescriptorSet(DFU_INTERFACE)).subarray(18);
    expect(hex(set.subarray(18, 18 + ofDfu.length))).toBe(hex(ofDfu));
    const ofReset = set.subarray(18 + ofDfu.length);
    expect([set[8]! | (set[9]! << 8), ofReset.length, ofReset[4]]).toEqual([set.length, ofDfu.length, RESET_INTERFACE]);
  });

  it('opens a session on its serial port', () => {
    const pico = plugged();
    pico.configure();
    expect(opening(pico)).toEqual(['syn-ack', 'data']);
  });

  it('goes on with its serial port when another program takes the interface of DFU', () => {
    const pico = plugged();
    pico.configure();
    expect(opening(pico)).toEqual(['syn-ack', 'data']);
    expect(pico.control({ requestType: 1, request: SET_INTERFACE, index: DFU_INTERFACE })).toEqual(new Uint8Array(0));
    expect(opening(pico, 8)).toEqual(['syn-ack', 'data']);
  });

  it('hears frames of any kind, and serves the next host', () => {
    const frames = count(100, 10_000);
    const random = new Prng(2);
    const pico = plugged();
    pico.configure();
    pico.drain();
    for (let frame = 0; frame < frames; frame++) pico.write(randomFrame(random));
    pico.busReset();
    pico.configure();
    expect(opening(pico)).toEqual(['syn-ack', 'data']);
    figure('firmware for RP2040: random and mutated frames over USB, and the next host is served', String(frames));
  });

  it('keeps what a host says of the line', () => {
    const pico = plugged();
    pico.configure();
    const coding = Uint8Array.of(0x80, 0x25, 0, 0, 2, 1, 7);
    expect(pico.control({ requestType: CLASS_OUT, request: 0x20, data: coding })).toEqual(new Uint8Array(0));
    expect(pico.control({ requestType: 0xa1, request: 0x21, length: 7 })).toEqual(coding);
    expect(pico.control({ requestType: CLASS_OUT, request: 0x20, data: coding.subarray(1) })).toBe('stall');
  });

  it.each([
    ['the reset interface', 'boot-mode', [{ requestType: CLASS_OUT, request: 1, index: RESET_INTERFACE }]],
    [
      'the reset interface, for another start',
      'restart',
      [{ requestType: CLASS_OUT, request: 2, index: RESET_INTERFACE }],
    ],
    [
      'a port that is closed at 1,200 baud',
      'boot-mode',
      [
        { requestType: CLASS_OUT, request: 0x22, value: 3 },
        { requestType: CLASS_OUT, request: 0x20, data: Uint8Array.of(0xb0, 4, 0, 0, 0, 0, 8) },
        { requestType: CLASS_OUT, request: 0x22, value: 0 },
      ],
    ],
  ] as [string, string, Setup[]][])('leaves by %s, and answers before', (_, end, requests) => {
    const pico = plugged();
    pico.configure();
    for (const request of requests) expect(pico.control(request)).toEqual(new Uint8Array(0));
    pico.chip.run(5_000_000);
    expect(pico.chip.end).toBe(end);
  });

  it('answers or stalls whatever a host asks, and is there afterwards', () => {
    const packets = count(700, 10_000);
    const random = new Prng(1);
    const pico = plugged();
    pico.configure();
    let answered = 0;
    for (let packet = 0; packet < packets; packet++) {
      const setup = randomSetup(random);
      if (leaves(setup)) continue;
      if (pico.control(setup) !== 'stall') answered++;
      if (packet % 100 === 0) pico.busReset();
      if (packet % 50 === 0) pico.configure();
    }
    expect(answered).toBeGreaterThan(packets / 50);
    pico.busReset();
    expect((pico.descriptor(1, 0) as Uint8Array).length).toBe(18);
    figure('firmware for RP2040: random setup packets, all answered or stalled', String(packets));
  });
});

/** Kinds of the frames that answer a host who comes. */
function opening(pico: PicoOnUsb, nonce = 7): readonly string[] {
  pico.write(encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(nonce) }), true));
  const reader = new FrameReader();
  const kinds: string[] = [];
  while (kinds.length < 2) {
    for (const event of reader.feed(pico.read(512) as Uint8Array)) {
      if (event.kind === 'frame') kinds.push(event.frame.kind);
    }
  }
  return kinds;
}

/** One of three opens a session, of one of two a byte is another one. */
function randomFrame(random: Prng): Uint8Array {
  const isOpening = random.between(0, 2) === 0;
  const payload = Uint8Array.from({ length: random.between(0, 40) }, () => random.next() & 0xff);
  const type = random.between(0, 1) === 0 ? random.between(0, 0x2f) : random.between(0, 255);
  const order = { sequence: random.between(0, 3), acknowledge: random.between(0, 3), window: random.between(0, 32) };
  const frame = encodeFrame(
    isOpening
      ? frameOf({ kind: 'syn', window: 32, payload: synPayload(random.next()) })
      : frameOf({ kind: 'data', type, ...order, payload }),
    random.between(0, 1) === 0,
  );
  if (random.between(0, 1) === 0) frame[random.between(0, frame.length - 1)] = random.next() & 0xff;
  return frame;
}

/** Most of them near to what there is. */
function randomSetup(random: Prng): Setup {
  const pick = (values: readonly number[], most: number): number =>
    random.between(0, 7) === 0 ? random.between(0, most - 1) : values[random.between(0, values.length - 1)]!;
  const requestType = pick([0x80, 0x00, 0x81, 0x01, 0x82, 0x02, 0x21, 0xa1, 0xc0, 0x41, 0xc1], 256);
  const length = pick([0, 1, 2, 7, 8, 18, 64, 128, 255], 4096);
  return {
    requestType,
    request: pick([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 0x20, 0x21, 0x22, 0x23, 0x80, 0x81], 256),
    value: pick([0, 1, 0x100, 0x200, 0x300, 0x301, 0x302, 0x303, 0x304, 0xf00], 65_536),
    index: pick([0, 1, 2, 3, 7, 0x81, 0x82, 0x02, 0x80], 65_536),
    length,
    ...((requestType & 0x80) === 0 && { data: new Uint8Array(length).fill(0x55) }),
  };
}

/** What gives it another address, or takes it away. */
function leaves({ requestType, request, index }: Setup): boolean {
  const isAddress = (requestType & 0x7f) === 0 && request === 5;
  return isAddress || ((requestType & 0x1f) === 1 && (requestType & 0x60) !== 0 && index === RESET_INTERFACE);
}

function hex(result: string | Uint8Array): string {
  return Buffer.from(result as Uint8Array).toString('hex');
}

function text(result: string | Uint8Array): string {
  return Buffer.from((result as Uint8Array).subarray(2)).toString('utf16le');
}
