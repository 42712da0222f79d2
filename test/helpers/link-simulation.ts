/** The gateware's link as a process whose time only moves when told: gateware/sim/link_sim.cpp. */

import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { crc32 } from '../../protocol/crc32.js';
import type { Candidate } from '../../protocol/wire/messages-run.js';

/** Of the parameter CLOCK_HZ: 1 MHz. */
export const CLOCKS_PER_MS = 1000;

export interface LinkShape {
  readonly vocabulary: number;
  readonly hasImage: boolean;
  readonly layers: number;
  readonly hidden: number;
  /** Clocks that a token takes, apart from its results. */
  readonly workClocks: number;
}

/** What a stretch of time brought. */
export interface Passed {
  /** What the board sent. */
  readonly bytes: Uint8Array;
  /** Since the start. */
  readonly badFrames: number;
  readonly isOpen: boolean;
  /** Tokens computed since the start. */
  readonly steps: number;
}

export class LinkSimulation {
  readonly #process: ChildProcessWithoutNullStreams;
  #received: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;
  #wake = (): void => {};

  /** @param clocksPerByte of the line, in each direction */
  constructor(program: string, clocksPerByte = 4) {
    this.#process = spawn(program, [String(clocksPerByte)]);
    this.#process.stderr.on('data', (text: Buffer) => (this.#failure ??= new Error(text.toString())));
    this.#process.stdout.on('data', (bytes: Buffer) => {
      this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    this.#process.on('close', (code) => {
      this.#failure ??= new Error(`link_sim ended with ${code}`);
      this.#wake();
    });
    this.#process.stdin.on('error', () => {});
  }

  hello(bytes: Uint8Array): void {
    this.#write('H', [bytes.length], bytes);
  }

  shape({ vocabulary, hasImage, layers, hidden, workClocks }: LinkShape): void {
    this.#write('S', [vocabulary, hasImage ? 1 : 0, layers, hidden, workClocks]);
  }

  reset(): void {
    this.#write('R', []);
  }

  /** Lets time pass; the bytes arrive from its beginning on. */
  async advance(clocks: number, bytes: Uint8Array = new Uint8Array(0)): Promise<Passed> {
    this.#write('A', [clocks, bytes.length], bytes);
    const length = (await this.#read(4)).readUInt32LE();
    const sent = await this.#read(length);
    const rest = await this.#read(12);
    return {
      bytes: new Uint8Array(sent),
      badFrames: rest.readUInt32LE(0),
      isOpen: rest.readUInt32LE(4) === 1,
      steps: rest.readUInt32LE(8),
    };
  }

  async close(): Promise<void> {
    const closed = once(this.#process, 'close');
    this.#process.stdin.end();
    await closed;
  }

  #write(command: string, numbers: readonly number[], bytes: Uint8Array = new Uint8Array(0)): void {
    const head = Buffer.alloc(1 + 4 * numbers.length);
    head.write(command);
    for (const [index, number] of numbers.entries()) head.writeUInt32LE(number, 1 + 4 * index);
    this.#process.stdin.write(Buffer.concat([head, bytes]));
  }

  async #read(length: number): Promise<Buffer> {
    while (this.#received.length < length) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const bytes = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return bytes;
  }
}

/** The core of link_sim.cpp, written again. */
export class ExpectedResults {
  readonly #shape: Omit<LinkShape, 'hasImage' | 'workClocks'>;
  #state = 0;

  constructor(shape: Omit<LinkShape, 'hasImage' | 'workClocks'>) {
    this.#shape = shape;
  }

  reset(): void {
    this.#state = 0;
  }

  step(token: number): { receipt: number; taps: number[]; largest: Candidate[] } {
    const { vocabulary, layers, hidden } = this.#shape;
    const state = hash(this.#state ^ token);
    this.#state = state;
    const logits = Int32Array.from({ length: vocabulary }, (_, row) => hash(state + row));
    const taps = Array.from({ length: layers + 1 }, (_, layer) =>
      crcOf(Int32Array.from({ length: hidden }, (__, k) => hash(~state - 4096 * layer - k))),
    );
    const largest = Array.from(logits, (logit, id) => ({ id, logit })).toSorted(
      (a, b) => b.logit - a.logit || a.id - b.id,
    );
    return { receipt: crcOf(logits), taps, largest };
  }
}

function crcOf(numbers: Int32Array): number {
  return crc32(new Uint8Array(numbers.buffer));
}

function hash(number: number): number {
  let word = number ^ (number >>> 16);
  word = Math.imul(word, 0x21f0aaad);
  word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
  return (word ^ (word >>> 15)) | 0;
}
