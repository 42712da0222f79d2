/**
 * The chip as `lsusb -v` shows a real one, as libftdi 1.5 reads its EEPROM, and as the kernel's ftdi_sio talks to it.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../../firmware-host/firmware/flash/flash-store.js';
import { VirtualFpgaBoard } from '../../../../firmware-host/virtual/ftdi/virtual-fpga-board.js';
import type { Wire } from '../../../../firmware-host/virtual/wires/wire.js';
import { bitstream } from '../../../helpers/bitstream.js';
import { TestClock } from '../../../helpers/board-on-a-line.js';

interface Bench {
  readonly clock: TestClock;
  readonly board: VirtualFpgaBoard;
  readonly bits: Uint8Array;
  readonly wires: Wire[];
  ready: number;
  /** A vendor request. @returns undefined for a STALL */
  readonly out: (request: number, value: number, index?: number) => Uint8Array | undefined;
  readonly in: (request: number, index: number, length: number) => number[] | undefined;
}

function bench(content: Uint8Array = new Uint8Array(0)): Bench {
  const clock = new TestClock();
  const bits = new Uint8Array(65_536 * 4).fill(0xff);
  bits.set(content);
  const wires: Wire[] = [];
  const result = { clock, bits, wires, ready: 0 };
  const board = new VirtualFpgaBoard({
    serial: 'T-1',
    store: memoryStore(bits),
    now: () => clock.now(),
    after: (delayMs, run) => clock.after(delayMs, run),
    onReady: () => void result.ready++,
    onWire: (wire) => wires.push(wire),
  });
  board.device.configure(1);
  const nothing = new Uint8Array(0);
  return Object.assign(result, {
    board,
    out: (request: number, value: number, index = 1): Uint8Array | undefined =>
      board.device.control({ requestType: 0x40, request, value, index, length: 0 }, nothing),
    in: (request: number, index: number, length: number): number[] | undefined => {
      const answer = board.device.control({ requestType: 0xc0, request, value: 0, index, length }, nothing);
      return answer && Array.from(answer);
    },
  });
}

const hex = (text: string): number[] => Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('descriptors', () => {
  it('are those of the chip', () => {
    const { descriptors } = bench().board.device;
    expect(Array.from(descriptors.device)).toEqual(hex('12 01 00 02 00 00 00 40 03 04 10 60 00 07 01 02 03 01'));
    expect(Array.from(descriptors.configuration)).toEqual(
      hex(
        '09 02 37 00 02 01 00 80 fa' +
          '09 04 00 00 02 ff ff ff 02 07 05 81 02 00 02 00 07 05 02 02 00 02 00' +
          '09 04 01 00 02 ff ff ff 02 07 05 83 02 00 02 00 07 05 04 02 00 02 00',
      ),
    );
    const [, manufacturer, product, serial] = descriptors.strings.map((bytes) =>
      Buffer.from(bytes.subarray(2)).toString('utf16le'),
    );
    expect([manufacturer, product, serial]).toEqual(['FTDI', 'Dual RS232-HS', 'T-1']);
  });

  it('are those of its EEPROM too, under its checksum', () => {
    const { in: read, board } = bench();
    const words = Array.from({ length: 128 }, (_, index) => read(0x90, index, 2)!);
    const bytes = words.flat();
    expect(bytes.slice(2, 10)).toEqual(hex('03 04 10 60 00 07 80 fa'));
    // ftdi_eeprom_decode: 0xAAAA, then for each word XOR and a rotation to the left.
    const sum = words.slice(0, -1).reduce((value, [low = 0, high = 0]) => {
      const mixed = value ^ (low + 256 * high);
      return ((mixed << 1) & 0xffff) | (mixed >> 15);
    }, 0xaaaa);
    expect(words.at(-1)).toEqual([sum & 0xff, sum >> 8]);
    const product = bytes.slice(bytes[0x10]! & 0x7f).slice(0, bytes[0x11]);
    expect(product).toEqual(Array.from(board.device.descriptors.strings[2]!));
    expect(read(0x90, 128, 2)).toEqual(words[0]);
  });
});

describe('requests', () => {
  it.each([
    ['reset', 0, 0, 1],
    ['purge', 0, 1, 2],
    ['modem control', 1, 0x0303, 2],
    ['baud rate', 3, 0xc068, 0x0202],
    ['bit mode', 11, 0x02ff, 1],
    ['latency', 9, 1, 2],
  ])('%s is taken', (_, request, value, index) => {
    expect(bench().out(request, value, index)).toEqual(new Uint8Array(0));
  });

  it.each([
    ['a latency of 0', 9, 0, 1],
    ['a third channel', 9, 1, 3],
    ['the mode of a parallel bus', 11, 0x0800, 1],
    ['an MPSSE on channel B', 11, 0x0200, 2],
    ['writing the EEPROM', 0x91, 0, 1],
    ['a purge that there is not', 0, 3, 1],
    ['a request that there is not', 0x33, 0, 1],
  ])('%s is stalled', (_, request, value, index) => {
    expect(bench().out(request, value, index)).toBeUndefined();
  });

  it('tell latency, modem status and pins', () => {
    const { out, in: read } = bench();
    out(9, 77, 2);
    expect([read(10, 1, 1), read(10, 2, 1), read(5, 1, 2), read(12, 1, 1)]).toEqual([[16], [77], [0x32, 0x60], [0xbf]]);
  });
});

describe('a packet to the host', () => {
  it('comes when the latency timer runs out, even if it says nothing, and then again', async () => {
    const { board, clock, ...result } = bench();
    await clock.pass(100);
    expect(board.device.read(0x81, 512)).toEqual(Uint8Array.of(0x32, 0x60));
    expect(board.device.read(0x81, 512)).toBe('nak');
    await clock.pass(15.9);
    expect(board.device.read(0x81, 512)).toBe('nak');
    await clock.pass(0.2);
    expect(board.device.read(0x81, 512)).toEqual(Uint8Array.of(0x32, 0x60));
    expect(result.out(9, 1, 1)).toBeDefined();
    await clock.pass(1);
    expect(board.device.read(0x81, 512)).toEqual(Uint8Array.of(0x32, 0x60));
  });

  it('comes at once when the engine flushes, and in whole packets when there is much', async () => {
    const { board, clock, out } = bench();
    await clock.pass(100);
    board.device.read(0x81, 512);
    out(11, 0x0200);
    board.device.write(0x02, Uint8Array.of(0x81));
    expect(board.device.read(0x81, 512)).toBe('nak');
    board.device.write(0x02, Uint8Array.of(0x87));
    expect(board.device.read(0x81, 512)).toEqual(Uint8Array.of(0x32, 0x60, 0xbf));
    // 1,100 bytes: two packets, and what is left when there is a flush.
    board.device.write(0x02, Uint8Array.of(0x20, 0x4b, 0x04));
    expect(board.device.read(0x81, 4096)).toBe('nak');
    expect((board.device.read(0x81, 512) as Uint8Array).length).toBe(512);
    board.device.write(0x02, Uint8Array.of(0x87));
    const rest = board.device.read(0x81, 4096) as Uint8Array;
    expect([rest.length, rest[0], rest[512], rest[513]]).toEqual([512 + 2 + 80, 0x32, 0x32, 0x60]);
    expect(board.device.read(0x81, 4096)).toBe('nak');
  });

  it('is stalled while the endpoint is halted, and on endpoints that there are not', () => {
    const { board } = bench();
    board.device.setHalt(0x81, true);
    expect(board.device.read(0x81, 512)).toBe('stall');
    expect([board.device.read(0x85, 512), board.device.write(0x06, new Uint8Array(1))]).toEqual(['stall', 'stall']);
    expect([board.device.isHalted(0x81), board.device.isHalted(0x02), board.device.isHalted(0x86)]).toEqual([
      true,
      false,
      undefined,
    ]);
    board.device.configure(0);
    expect(board.device.read(0x83, 512)).toBe('stall');
  });
});

describe('channel B', () => {
  it('is a wire to whoever takes it, with the latency of the chip', async () => {
    const { board, clock, wires } = bench();
    const heard: number[] = [];
    const [wire] = wires;
    wire!.start({ onData: (bytes) => heard.push(...bytes), onReady: () => {}, onGone: () => heard.push(-1) });
    await clock.pass(100);
    board.device.read(0x83, 512);
    board.device.write(0x04, Uint8Array.of(1, 2, 3));
    wire!.write(Uint8Array.of(9, 8));
    expect([heard, board.device.read(0x83, 512)]).toEqual([[1, 2, 3], 'nak']);
    await clock.pass(16);
    expect(board.device.read(0x83, 512)).toEqual(Uint8Array.of(0x32, 0x60, 9, 8));
    board.device.unplug();
    wire!.write(Uint8Array.of(7));
    board.device.configure(1);
    await clock.pass(100);
    expect([heard, board.device.read(0x83, 512), wires.length]).toEqual([[1, 2, 3, -1], Uint8Array.of(0x32, 0x60), 2]);
  });

  it('takes no more while the host does not read, and goes on when it does', async () => {
    const { board, clock, wires } = bench();
    let ready = 0;
    const wire = wires[0]!;
    wire.start({ onData: () => {}, onReady: () => ready++, onGone: () => {} });
    wire.write(new Uint8Array(40_000));
    expect(wire.isReady).toBe(false);
    await clock.pass(100);
    const before = ready;
    for (let read = 0; read < 20; read++) board.device.read(0x83, 512);
    expect([wire.isReady, ready > before]).toEqual([true, true]);
  });
});

describe('the FPGA', () => {
  it('starts when the power comes, says so in time, and sends the flash to sleep', async () => {
    const { board, clock, out, in: read } = bench(bitstream(1));
    out(11, 0x0200);
    expect(read(12, 1, 1)![0]! & 0x40).toBe(0);
    await clock.pass(10);
    out(11, 0x0200);
    expect(read(12, 1, 1)![0]! & 0x40).toBe(0x40);
    board.fpga.exchange(0, 1);
    expect([board.fpga.isConfigured, board.flash.isAsleep]).toEqual([true, true]);
  });

  it('in reset leaves the flash to the programmer, and takes it back', async () => {
    const { board, clock, out } = bench();
    await clock.pass(100);
    board.device.read(0x81, 512);
    out(11, 0x0200);
    const identify = [0x11, 0, 0, 0x9f, 0x20, 2, 0];
    const [held, free] = [
      [0x80, 0x10, 0x93],
      [0x80, 0x90, 0x93],
    ];
    const selected = (pins: number[]): number[] => [pins[0]!, pins[1]! & ~0x10, pins[2]!];
    const ask = (pins: number[]): number[] => {
      board.device.write(0x02, Uint8Array.from([...pins, ...selected(pins), ...identify, ...pins, 0x87]));
      return Array.from(board.device.read(0x81, 512) as Uint8Array).slice(2);
    };
    expect(ask(held)).toEqual([0xef, 0x40, 0x12]);
    expect(ask(free)).toEqual([0xff, 0xff, 0xff]);
    expect(ask(held)).toEqual([0xef, 0x40, 0x12]);
    expect(board.fpga.isHeld).toBe(true);
    board.device.unplug();
    expect([board.fpga.isHeld, board.fpga.starts]).toEqual([false, 4]);
  });
});

it('nothing that a host sends breaks the chip', () => {
  const anything = fc.record({
    requestType: fc.nat(255),
    request: fc.nat(255),
    value: fc.nat(65_535),
    index: fc.nat(300),
    length: fc.nat(64),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(anything, fc.uint8Array({ maxLength: 40 })), { maxLength: 40 }), (steps) => {
      const { board } = bench();
      for (const [setup, bytes] of steps) {
        const data = (setup.requestType & 0x80) === 0 ? new Uint8Array(setup.length) : new Uint8Array(0);
        board.device.control(setup, data);
        board.device.write(0x02, bytes);
        board.device.write(0x04, bytes);
        board.device.read(0x81, setup.length);
        board.device.read(0x83, 512);
      }
    }),
    { numRuns: 300 },
  );
});
