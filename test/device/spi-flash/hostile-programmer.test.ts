/**
 * A programmer, or a flash, that does anything: it is told with a clear error, in a bounded time, and nothing crashes.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoardError } from '../../../device/board-error.js';
import { programFlash } from '../../../device/spi-flash/program-flash.js';
import type { UsbDeviceInfo } from '../../../device/usb/usb-device.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';
import type { Answer, RawSetup } from '../../helpers/fake-usb.js';
import { PluggedFpgaBoard } from '../../helpers/plugged-fpga-board.js';

const BYTES = Uint8Array.from({ length: 600 }, (_, index) => index & 0xff);
/** More than every patience on the way together. */
const BOUND_MS = 120_000;

/** A good board, whose answers can be changed on their way. */
class HostileBoard extends PluggedFpgaBoard {
  onPacket: (packet: Uint8Array, length: number) => Uint8Array | Promise<Uint8Array> = (packet) => packet;
  /** Answers instead of the chip. */
  instead: ((length: number) => Uint8Array) | undefined;
  onControl: (setup: RawSetup, answer: Answer) => Answer = (_, answer) => answer;
  change: Partial<UsbDeviceInfo> = {};

  override get info(): Omit<UsbDeviceInfo, 'path' | 'address'> {
    return { ...super.info, ...this.change };
  }

  override control(setup: RawSetup, data: Uint8Array): Answer {
    return this.onControl(setup, super.control(setup, data));
  }

  override async bulkIn(endpoint: number, length: number): Promise<Uint8Array> {
    if (this.instead !== undefined) return this.instead(length);
    return await this.onPacket(await super.bulkIn(endpoint, length), length);
  }
}

async function failure(spoil: (board: HostileBoard) => void): Promise<{ error: BoardError; board: HostileBoard }> {
  const usb = new FakeUsb();
  const board = new HostileBoard(usb.clock);
  usb.plug('1-1', board);
  spoil(board);
  const work = programFlash(usb, usb.info('1-1'), [{ offset: 0, bytes: BYTES }], { clock: usb.clock, clockHz: 15e6 });
  const error = await boardErrorOf(usb.clock.until(work, BOUND_MS));
  expect(error.reason).toMatch(/^[A-Z].*\.$/s);
  expect(error.fix).not.toBe('');
  return { error, board };
}

/** Lets what comes out of the flash be something else. */
function spoilFlash(board: HostileBoard, change: (miso: number, mosi: number, opcode: number) => number): void {
  const { flash } = board.board;
  const [select, exchange] = [flash.select.bind(flash), flash.exchange.bind(flash)];
  let opcode: number | undefined;
  flash.select = (): void => {
    opcode = undefined;
    select();
  };
  flash.exchange = (mosi, bits): number => {
    const isFirst = opcode === undefined;
    opcode ??= mosi;
    const miso = exchange(mosi, bits);
    return isFirst ? miso : change(miso, mosi, opcode) & 0xff;
  };
}

const STATUS = [0x32, 0x60];
const DFU_RELEASE = 0x0500;

describe('a programmer that', () => {
  it.each<[string, (board: HostileBoard) => void, string]>([
    [
      'says nothing at all',
      (board): void => void (board.onPacket = async (): Promise<never> => await new Promise(() => {})),
      'board-silent',
    ],
    [
      'says for ever that it has nothing to say',
      (board): void => void (board.onPacket = (): Uint8Array => Uint8Array.from(STATUS)),
      'board-silent',
    ],
    [
      'sends transfers without even a status',
      (board): void => void (board.onPacket = (): Uint8Array => new Uint8Array(0)),
      'board-silent',
    ],
    [
      'sends half of its status',
      (board): void => void (board.onPacket = (): Uint8Array => new Uint8Array(1)),
      'board-silent',
    ],
    [
      'sends garbage for ever',
      (board): void => void (board.instead = (length): Uint8Array => new Uint8Array(length).fill(0x55)),
      'board-broken',
    ],
    [
      'sends more than was asked for',
      (board): void =>
        void (board.onPacket = (packet, length): Uint8Array => new Uint8Array(packet.length > 2 ? length + 1 : 2)),
      'board-broken',
    ],
    [
      'answers twice',
      (board): void =>
        void (board.onPacket = (packet): Uint8Array => Uint8Array.from([...packet, ...packet.subarray(2)])),
      'board-broken',
    ],
    [
      'refuses all requests',
      (board): void =>
        void (board.onControl = (setup, answer): Answer => (setup.requestType === 0x40 ? 'stall' : answer)),
      'board-broken',
    ],
    [
      'never answers a request',
      (board): void =>
        void (board.onControl = (setup, answer): Answer => (setup.requestType === 0x40 ? 'nothing' : answer)),
      'board-silent',
    ],
    ['has another device behind its name', (board): void => void (board.change = { serial: 'OTHER' }), 'board-lost'],
    ['is an older chip', (board): void => void (board.change = { release: DFU_RELEASE }), 'board-not-flashable'],
    ['is no chip of FTDI', (board): void => void (board.change = { vendor: 0x1a86 }), 'board-not-flashable'],
  ])('%s', async (_, spoil, code) => {
    const { error, board } = await failure(spoil);
    expect([error.code, board.board.flash.operations]).toEqual([code, 0]);
  });

  it('sends one byte in each packet is slow, and good', async () => {
    const usb = new FakeUsb();
    const board = new HostileBoard(usb.clock);
    usb.plug('1-1', board);
    let waiting: number[] = [];
    const bulkIn = PluggedFpgaBoard.prototype.bulkIn.bind(board);
    board.bulkIn = async (endpoint, length): Promise<Uint8Array> => {
      if (waiting.length === 0) {
        // Without the status in front of each packet.
        waiting = Array.from(await bulkIn(endpoint, length)).filter((_, at) => at % 512 >= 2);
      }
      const packet = Uint8Array.from([...STATUS, ...waiting.slice(0, 1)]);
      waiting = waiting.slice(1);
      return packet;
    };
    const segments = [{ offset: 0, bytes: BYTES }];
    await usb.clock.until(programFlash(usb, usb.info('1-1'), segments, { clock: usb.clock, clockHz: 15e6 }));
    expect(board.bits.subarray(0, BYTES.length)).toEqual(BYTES);
  });

  it('sends anything is told as broken, silent or lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.uint8Array({ maxLength: 600 })), fc.nat(40), async (packets, good) => {
        const usb = new FakeUsb();
        const board = new HostileBoard(usb.clock);
        usb.plug('1-1', board);
        let left = good;
        board.onPacket = (packet, length): Uint8Array =>
          left-- > 0 ? packet : (packets.next().value as Uint8Array).subarray(0, length);
        const segments = [{ offset: 0, bytes: BYTES }];
        const work = programFlash(usb, usb.info('1-1'), segments, { clock: usb.clock, clockHz: 15e6 });
        const code = await usb.clock.until(work, BOUND_MS).then(
          // It was good for long enough.
          () => (Buffer.compare(board.bits.subarray(0, BYTES.length), BYTES) === 0 ? 'written' : 'wrong'),
          (error: unknown) => (error instanceof BoardError ? error.code : String(error)),
        );
        expect(code).toMatch(/^(?:written|board-(?:broken|silent|lost|not-flashable|write-protected|write-failed))$/);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a flash that', () => {
  it.each<[string, (miso: number, mosi: number, opcode: number) => number, string, RegExp]>([
    ['is not there, with the wire pulled up', () => 0xff, 'board-silent', /ffffff/],
    ['is not there, with the wire low', () => 0x00, 'board-silent', /000000/],
    ['has no size', (miso, _, opcode) => (opcode === 0x9f ? 0x77 : miso), 'board-not-flashable', /777777/],
    ['is busy for ever', (miso, _, opcode) => (opcode === 0x05 ? miso | 1 : miso), 'board-silent', /busy/],
    [
      'takes no write enable',
      (miso, _, opcode) => (opcode === 0x05 ? 0x00 : miso),
      'board-write-protected',
      /write-enable/,
    ],
    [
      'reads otherwise than it was written',
      (miso, _, opcode) => (opcode === 0x0b && miso === 0x42 ? 0x43 : miso),
      'board-write-failed',
      /reads 43 instead of 42/,
    ],
  ])('%s', async (_, change, code, reason) => {
    const { error, board } = await failure((hostile) => spoilFlash(hostile, change));
    expect([error.code, error.reason]).toEqual([code, expect.stringMatching(reason)]);
    expect(board.board.fpga.isHeld).toBe(false);
  });
});
