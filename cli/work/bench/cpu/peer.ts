/**
 * Another engine beside ours: a program that loads a model of the same shape and decodes when it is told to
 * (scripts/peers).
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { packageFile } from '../../../../model/package-file.js';
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { peerEnded, peerMissing } from './peer-error.js';
import type { Rate } from '../rounds.js';

const PROGRAM = packageFile('scripts/peers/llama-cpp.mjs');
/** A thread that waits for its turn of the processor makes a token take half a second. */
const MOST_SECONDS = 10;
const LINES_KEPT = 5;

export class Peer {
  /** With its version. */
  readonly name: string;
  /** Of its weights, such as `tq2_0`. */
  readonly type: string;
  readonly #child: PeerProcess;

  private constructor(child: PeerProcess, name: string, type: string) {
    this.#child = child;
    this.name = name;
    this.type = type;
  }

  /**
   * Starts the one in a folder and waits for its model, which it writes there the first time.
   *
   * @param threads that it will be asked for, at most
   * @throws PeerError; AbortError
   */
  static async start(folder: string, shape: ModelShape, threads: number, signal: AbortSignal): Promise<Peer> {
    expectPeer(folder);
    const { layers, hiddenSize: hidden, intermediateSize: intermediate, vocabSize: vocab } = shape;
    const options = ['--shape', JSON.stringify({ layers, hidden, intermediate, vocab }), '--threads', String(threads)];
    const child = new PeerProcess([PROGRAM, folder, '--serve', ...options], signal);
    const { name, type } = await child.answer();
    return new Peer(child, String(name), String(type));
  }

  /** @throws PeerError; AbortError */
  async decode(threads: number, tokens: number): Promise<Rate> {
    this.#child.ask({ threads, tokens, seconds: MOST_SECONDS });
    const { tokens_per_second: perSecond, cpu_ms_per_token: processorMs } = await this.#child.answer();
    return { perSecond: Number(perSecond), processorMs: Number(processorMs) };
  }

  close(): void {
    this.#child.end();
  }
}

/** @throws PeerError `peer-missing` */
export function expectPeer(folder: string): void {
  if (!existsSync(join(folder, 'node_modules/node-llama-cpp'))) throw peerMissing(folder, relative('', PROGRAM));
}

/** Lines of JSON to and from a program. */
class PeerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #said: string[] = [];
  readonly #ended: Promise<string>;
  readonly #signal: AbortSignal;

  constructor(args: readonly string[], signal: AbortSignal) {
    signal.throwIfAborted();
    this.#signal = signal;
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], signal });
    // Also when it cannot be started: the end tells.
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', ({ message }) => resolve(message));
      this.#child.on('close', (code, killedBy) => resolve(killedBy ?? `exit code ${code}`));
    });
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.#said.push(line);
      if (this.#said.length > LINES_KEPT) this.#said.shift();
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  ask(question: object): void {
    this.#child.stdin.write(`${JSON.stringify(question)}\n`);
  }

  async answer(): Promise<Readonly<Record<string, unknown>>> {
    const line = await this.#lines.next();
    this.#signal.throwIfAborted();
    if (line.done === true) throw peerEnded(await this.#ended, this.#said);
    return JSON.parse(line.value) as Readonly<Record<string, unknown>>;
  }

  end(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }
}
