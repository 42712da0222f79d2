/** A simulated chip as a board: the UART of its simulator, joined to one wire after the other. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Wire } from '../wires/wire.js';
import { simulatorEnded } from './gateware-error.js';
import { lastLines } from './tools.js';

export interface SimulatedChipOptions {
  /** Of the simulator (`simulatorOf`). */
  readonly program: string;
  /** File that the chip's memory holds. */
  readonly image: string;
  /** A file for what each token took, see `gateware/sim/mmf_sim.cpp`. */
  readonly stats?: string | undefined;
  /** Is told when the simulator ends by itself. */
  readonly onEnd: (error: Error) => void;
}

export class SimulatedChip {
  readonly #child: ChildProcess;
  /** The first has the line; the others wait for its end. */
  readonly #wires: Wire[] = [];
  #isStopped = false;

  constructor({ program, image, stats, onEnd }: SimulatedChipOptions) {
    const args = [`+image=${image}`, ...(stats === undefined ? [] : ['--stats', stats])];
    // Ctrl-C is for this process, which then ends the simulator.
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    const said = lastLines(child.stderr);
    child.stdout.on('data', (bytes: Uint8Array) => this.#wires[0]?.write(bytes));
    // What is written to a process that has ended is lost, which `close` tells.
    child.stdin.on('error', () => {});
    child.once('error', (error) => this.#ended(error, onEnd));
    child.once('close', (code, signal) => this.#ended(simulatorEnded(String(signal ?? code), said()), onEnd));
  }

  /** Joins the UART to a wire, or, as it is one line, when those before are gone. */
  connect(wire: Wire): void {
    this.#wires.push(wire);
    if (this.#wires.length === 1) this.#start(wire);
  }

  stop(): void {
    this.#isStopped = true;
    for (const wire of this.#wires) wire.close();
    this.#child.kill();
  }

  #start(wire: Wire): void {
    wire.start({
      onData: (bytes) => void this.#child.stdin?.write(bytes),
      onReady: () => {},
      onGone: () => {
        this.#wires.shift();
        const [next] = this.#wires;
        if (next !== undefined && !this.#isStopped) this.#start(next);
      },
    });
  }

  #ended(error: Error, onEnd: (error: Error) => void): void {
    if (this.#isStopped) return;
    this.stop();
    onEnd(error);
  }
}
