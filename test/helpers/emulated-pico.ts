/**
 * The binary for RP2040 in rp2040js, as a board on a TCP port. It starts behind the second stage, because the package
 * has no boot ROM; for the same reason the flash can only be read. Bytes come at the pace of the UART, in the time of
 * the chip.
 */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { ConsoleLogger, LogLevel, Simulator } from 'rp2040js';
import { logAndSlot } from './pico-flash.js';

const CLOCK_HZ = 125_000_000;
const NANOSECONDS = 1e9 / CLOCK_HZ;
/** 115,200 baud, ten bits a byte. */
const CYCLES_PER_BYTE = Math.ceil((CLOCK_HZ * 10) / 115_200);
const SLICE_CYCLES = 500_000;
/** firmware/ports/rp2040/main.c */
const IMAGES = 128 * 1024;
const VECTORS = 0x1000_0100;

export interface EmulatedPico {
  /** For `--board`. */
  readonly selector: string;
  /** Of the chip, so far. */
  readonly cycles: () => number;
  readonly stop: () => Promise<void>;
}

/** Starts the chip. @param firmware the flash from its first byte on */
export async function startEmulatedPico(firmware: Uint8Array, image: Uint8Array): Promise<EmulatedPico> {
  const { rp2040: chip, clock } = new Simulator();
  // Registers that it does not have are told of at each reading.
  chip.logger = new ConsoleLogger(LogLevel.Error);
  chip.flash.fill(0xff);
  chip.flash.set(firmware);
  chip.flash.set(logAndSlot(image), IMAGES);
  chip.core.VTOR = VECTORS;
  chip.core.reset();

  let socket: Socket | undefined;
  const arrived: number[] = [];
  const [uart] = chip.uart;
  uart!.onByte = (byte) => void socket?.write(Uint8Array.of(byte));
  const server = createServer((connection) => {
    socket = connection.setNoDelay(true);
    connection.on('data', (bytes) => arrived.push(...bytes));
    connection.on('error', () => connection.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  let cycles = 0;
  let nextByte = 0;
  let isStopped = false;
  const slice = (): void => {
    for (const end = cycles + SLICE_CYCLES; cycles < end;) {
      if (arrived.length > 0 && cycles >= nextByte) {
        uart!.feedByte(arrived.shift()!);
        nextByte = cycles + CYCLES_PER_BYTE;
      }
      for (const until = cycles + CYCLES_PER_BYTE / 4; cycles < until;) {
        const taken = chip.core.executeInstruction();
        cycles += taken;
        clock.tick(taken * NANOSECONDS);
      }
    }
    if (!isStopped) setImmediate(slice);
  };
  slice();
  return {
    selector: `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`,
    cycles: () => cycles,
    stop: async () => {
      isStopped = true;
      socket?.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
