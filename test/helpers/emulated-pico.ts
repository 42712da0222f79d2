/** The binary for RP2040 in rp2040js, in this process, as a board on a TCP port. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { PicoChip } from '../../firmware-host/virtual/pico/pico-chip.js';
import { picoFlash } from '../../firmware-host/virtual/pico/pico-flash.js';

const SLICE_CYCLES = 500_000;

export interface EmulatedPico {
  /** For `--board`. */
  readonly selector: string;
  /** Of the chip, so far. */
  readonly cycles: () => number;
  readonly stop: () => Promise<void>;
}

/** Starts the chip. @param firmware the flash from its first byte on */
export async function startEmulatedPico(firmware: Uint8Array, image: Uint8Array): Promise<EmulatedPico> {
  let socket: Socket | undefined;
  const chip = new PicoChip({
    flash: memoryStore(picoFlash(firmware, image)),
    onUart: (byte) => void socket?.write(Uint8Array.of(byte)),
    // That of the host, which would not wait for a chip on a busy computer.
    now: () => 1e6 * performance.now(),
  });
  // When it has checked its image: a host would not wait for so long on a busy computer.
  while (!chip.usb.isConnected) {
    if (chip.end !== undefined) throw new Error(`the firmware comes to no board, but to ${chip.end}`);
    chip.run(SLICE_CYCLES);
  }
  const server = createServer((connection) => {
    socket = connection.setNoDelay(true);
    connection.on('data', (bytes) => chip.receive(bytes));
    connection.on('error', () => connection.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  let isStopped = false;
  const slice = (): void => {
    chip.run(SLICE_CYCLES);
    if (isStopped) return;
    // Not for so long that it would be late for what comes meanwhile.
    if (chip.sleepsMs > 0) setTimeout(slice, 1);
    else setImmediate(slice);
  };
  slice();
  return {
    selector: `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`,
    cycles: () => chip.cycles,
    stop: async () => {
      isStopped = true;
      socket?.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
