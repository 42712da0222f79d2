/**
 * What the protocol costs: on a simulated UART against its line rate, and over a pseudo-terminal against the bare one.
 */
import { join } from 'node:path';
import { BoardMachine } from '../../../device/board/board-machine.js';
import { BoardConnection } from '../../../device/connection.js';
import { flashImage } from '../../../device/flash-image.js';
import { openSerial } from '../../../device/transport/serial-transport.js';
import { Board } from '../../../firmware-host/firmware/board.js';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../../firmware-host/firmware/flash/nor-flash.js';
import { openReference } from '../../../engine/kinds/reference.js';
import { openPseudoTerminal } from '../../../firmware-host/virtual/wires/pseudo-terminal.js';
import { temporaryFolder } from '../../../model/files/temporary-folder.js';
import { openCheckpoint } from '../../../model/checkpoint/checkpoint.js';
import { openChecked } from '../../../model/check-image.js';
import type { ImageFile } from '../../../model/image-file.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { Machine } from '../../../model/machine/machine.js';
import { packCheckpoint } from '../../../model/pack/pack.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';
import type { CommandContext } from '../../command.js';
import { median, type BenchInput } from './input.js';
import { megabytes } from '../image-facts.js';
import { imageOrShipped } from '../shipped.js';
import { simulatedUart, VirtualClock } from './simulated-uart.js';
import { writeSynthetic } from './synthetic-checkpoint.js';
import { startVirtualBoard } from './own-process.js';

const BAUD_RATE = 3_000_000;
/** Start bit, 8 data bits, stop bit. */
const BITS_PER_BYTE = 10;
const ROUNDS = 3;
const RAW_BYTES = 40e6;

/** Next to nothing to compute, and an end-of-text token that is rare. */
const SMALL_SHAPE = { vocab_size: 1024, hidden_size: 8, num_hidden_layers: 1 };

export async function benchLink(input: BenchInput, { output, signal }: CommandContext): Promise<void> {
  const path = imageOrShipped(input.image, output);
  const image = await openChecked(path);
  const { path: folder, remove } = await temporaryFolder('bench');
  try {
    const uart = await flashOverUart(image);
    const raw = await rawRate();
    const flash: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      signal.throwIfAborted();
      flash.push(await overTerminal([], async (port) => await flashRate(port, image)));
    }
    const small = join(folder, 'small.mmfree');
    await writeSynthetic(folder, SMALL_SHAPE, output, signal);
    const checkpoint = await openCheckpoint(folder);
    await packCheckpoint(checkpoint, small, { signal });
    await checkpoint.close();
    const cost = await tokenCost(small, 10 * input.tokens);

    const lineRate = BAUD_RATE / BITS_PER_BYTE;
    const [flashBytes, costMs] = [median(flash), cost.boardMs - cost.referenceMs];
    output.print(
      [
        `link, ${megabytes(image.view.fileLength)} of image`,
        `  simulated UART of ${BAUD_RATE / 1e6} Mbaud: flash at ${(uart / 1000).toFixed(1)} kB/s, ${((100 * uart) / lineRate).toFixed(1)} % of the line rate`,
        `  pseudo-terminal: flash at ${megabytes(flashBytes)}/s (median of ${ROUNDS}); bare bytes at ${megabytes(raw)}/s`,
        `  pseudo-terminal: ${cost.boardMs.toFixed(3)} ms a token, ${cost.referenceMs.toFixed(3)} ms of which are the model's, so the protocol costs ${costMs.toFixed(3)} ms`,
        `  pseudo-terminal: ${cost.stepMs.toFixed(3)} ms for a token that the host chooses`,
        '',
      ].join('\n'),
    );
    output.result({
      uart_baud: BAUD_RATE,
      uart_bytes_per_second: uart,
      uart_of_line_rate: uart / lineRate,
      terminal_flash_bytes_per_second: flashBytes,
      terminal_raw_bytes_per_second: raw,
      token_ms: cost.boardMs,
      model_ms: cost.referenceMs,
      protocol_ms: costMs,
      host_sampling_ms: cost.stepMs,
    });
  } finally {
    image.close();
    await remove();
  }
}

/** Bytes of image per second of virtual time, from the first request to the confirmed image. */
async function flashOverUart(image: ImageFile): Promise<number> {
  const clock = new VirtualClock();
  const slotSectors = Math.ceil(image.view.fileLength / 4096) + 1;
  const board = new Board({
    identity: { board: 'simulated', serial: 'UART', firmware: '0' },
    flash: new NorFlash(memoryStore(4096 * (2 + 2 * slotSectors)), 4096),
    slots: 2,
    policy: { limits: MODEL_LIMITS, minimumRevision: 0 },
    bootNonce: 1,
    now: () => clock.now(),
  });
  const transport = simulatedUart(board, clock, BAUD_RATE / BITS_PER_BYTE / 1000);
  const connection = await clock.until(BoardConnection.open(() => Promise.resolve(transport), { clock }));
  const startMs = clock.now();
  const { writtenBytes } = await clock.until(flashImage(connection, image));
  return (1000 * writtenBytes) / (clock.now() - startMs);
}

/** Bytes per second through a pseudo-terminal with nothing around them. */
async function rawRate(): Promise<number> {
  const { path, wire } = await openPseudoTerminal();
  const transport = await openSerial(path, 115_200);
  const piece = new Uint8Array(16_384).fill(0x55);
  const startMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    let received = 0;
    const send = (): void => {
      for (; sent < RAW_BYTES && transport.isReady; sent += piece.length) transport.write(piece);
    };
    transport.start({ onData: () => {}, onReady: send, onLost: (reason) => reject(new Error(reason)) });
    wire.start({
      onData: (bytes) => {
        received += bytes.length;
        if (received >= RAW_BYTES) resolve();
      },
      onReady: () => {},
      onGone: () => {},
    });
    send();
  });
  const seconds = (performance.now() - startMs) / 1000;
  await transport.close();
  wire.close();
  return RAW_BYTES / seconds;
}

async function flashRate(port: string, image: ImageFile): Promise<number> {
  const connection = await BoardConnection.open(async () => await openSerial(port, 115_200));
  try {
    let [startMs, startBytes, endMs, endBytes] = [NaN, 0, 0, 0];
    const onProgress = (doneBytes: number): void => {
      endMs = performance.now();
      endBytes = doneBytes;
      if (!Number.isNaN(startMs)) return;
      startMs = endMs;
      startBytes = doneBytes;
    };
    await flashImage(connection, image, { onProgress });
    return (1000 * (endBytes - startBytes)) / (endMs - startMs);
  } finally {
    await connection.close();
  }
}

interface TokenCost {
  readonly boardMs: number;
  readonly referenceMs: number;
  readonly stepMs: number;
}

/** Milliseconds a token on a board, on this computer, and on a board whose candidates the host samples from. */
async function tokenCost(image: string, tokens: number): Promise<TokenCost> {
  const referenceMs = await millisecondsPerToken((await openReference({ image })).machine, tokens);
  return await overTerminal(['--image', image], async (port) => {
    const connection = await BoardConnection.open(async () => await openSerial(port, 115_200));
    try {
      const boardMs = await millisecondsPerToken(new BoardMachine(connection), tokens);
      const stepMs = await millisecondsPerToken(new BoardMachine(connection, { sampling: 'host' }), tokens);
      return { boardMs, referenceMs, stepMs };
    } finally {
      await connection.close();
    }
  });
}

async function millisecondsPerToken(machine: Machine, tokens: number): Promise<number> {
  const sequence = await machine.open();
  const startMs = performance.now();
  let count = 0;
  for (let seed = 0n; count < tokens; seed++) {
    const sampler = samplerSettings({ temperature: 1, topK: 64, topP: 1, seed });
    const request = { prompt: [machine.facts.shape.bosTokenId], maxTokens: tokens - count, sampler };
    await sequence.reset();
    for await (const _ of sequence.generate(request)) count++;
  }
  return (performance.now() - startMs) / count;
}

/** Lets `work` use a virtual board of another process, over its pseudo-terminal. @param work gets the path of that */
async function overTerminal<T>(options: readonly string[], work: (port: string) => Promise<T>): Promise<T> {
  const board = await startVirtualBoard(['--pty', ...options]);
  try {
    return await work(board.address.replace(/^serial:/, ''));
  } finally {
    board.end();
  }
}
