/**
 * `mmfree bench usb`, second part: the programmer of FPGA boards against a virtual one over loopback USB/IP, both ends
 * in this process. What the flash and its clock take is counted in their own time, so that one run gives both: how fast
 * we are, and what a board with typical times would take at least.
 */
import { programFlash } from '../../../device/spi-flash/program-flash.js';
import { selectProgrammer } from '../../../device/spi-flash/select-programmer.js';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { VirtualFpgaBoard } from '../../../firmware-host/virtual/ftdi/virtual-fpga-board.js';
import { UsbIpServer } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import type { Output } from '../../output.js';
import { median } from './input.js';
import { megabytes } from '../image-facts.js';

const FLASH_BYTES = 2 ** 24;
const IMAGE_OFFSET = 2 ** 20;
/** Of the image; the rate is that of all of it. */
const PIECE_BYTES = 2 ** 20;
const ROUNDS = 3;
/** For which the programmer waits for an FPGA to start; here there is no bitstream. */
const BOOT_SECONDS = 1;

interface Round {
  /** Of this computer, and of its processor. */
  readonly seconds: number;
  readonly processorSeconds: number;
  /** Of the clock of the flash, and of its erasures and programs. */
  readonly boardSeconds: number;
}

/** @param image of which the first MiB is programmed into a flash of 16 MiB */
export async function benchProgrammer(image: Uint8Array, output: Output, signal: AbortSignal): Promise<void> {
  const content = image.subarray(0, PIECE_BYTES);
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    signal.throwIfAborted();
    rounds.push(await program(content, 0xff, 15e6));
  }
  const seconds = median(rounds.map((round) => round.seconds));
  const processorSeconds = median(rounds.map((round) => round.processorSeconds));
  const cases = {
    'erased, 15 MHz': rounds[0]!,
    'erased, 30 MHz': await program(content, 0xff, 30e6),
    'written before, 15 MHz': await program(content, 0x00, 15e6),
    'written before, 30 MHz': await program(content, 0x00, 30e6),
  };
  const rate = (time: number): string => `${megabytes(content.length / time)}/s`;
  output.print(
    [
      `usb, ${megabytes(content.length)} into a virtual W25Q128JV behind an FT2232H: read, erased where needed, programmed, read back`,
      `  this computer's part         ${rate(seconds)} (${seconds.toFixed(2)} s, of which the processor ${processorSeconds.toFixed(2)} s), median of ${ROUNDS}`,
      '  the board’s part, in its own time: SPI clocks, 0.7 ms a page, 150 ms a block of 64 KiB; without USB’s round trips',
      ...Object.entries(cases).map(
        ([name, { boardSeconds }]) =>
          `    ${name.padEnd(26)} ${rate(boardSeconds)} (all of the image: ${((boardSeconds * image.length) / content.length).toFixed(1)} s)`,
      ),
      '',
    ].join('\n'),
  );
  output.result({
    programmer_bytes_per_second: content.length / seconds,
    programmer_processor_seconds: processorSeconds,
    programmer_board_bytes_per_second: Object.fromEntries(
      Object.entries(cases).map(([name, { boardSeconds }]) => [name, content.length / boardSeconds]),
    ),
  });
}

/** @param filler what the flash holds before */
async function program(content: Uint8Array, filler: number, clockHz: number): Promise<Round> {
  const server = await UsbIpServer.open('127.0.0.1', 0);
  const port = server.addPort();
  const board = new VirtualFpgaBoard({
    serial: 'BENCH',
    store: memoryStore(new Uint8Array(FLASH_BYTES).fill(filler)),
    // Its time is that of its clock alone.
    now: () => 0,
    after: () => () => {},
    onReady: () => port.flush(),
  });
  port.plug(board.device, () => {});
  const { host, info } = await selectProgrammer({ kind: 'usbip', host: '127.0.0.1', port: server.address.port });
  try {
    const [startMs, startUsage] = [performance.now(), process.cpuUsage()];
    await programFlash(host, info, [{ offset: IMAGE_OFFSET, bytes: content }], { clockHz });
    const seconds = (performance.now() - startMs) / 1000;
    const { user, system } = process.cpuUsage(startUsage);
    return { seconds, processorSeconds: (user + system) / 1e6, boardSeconds: board.time.now() / 1000 - BOOT_SECONDS };
  } finally {
    await host.close();
    server.close();
  }
}
