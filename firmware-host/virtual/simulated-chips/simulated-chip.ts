/** A simulated chip as a board: the UART of its simulator, shared by the wires that come. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { removeAtExit } from '../../../model/files/leftovers.js';
import { lastLines } from '../../tools/tool-process.js';
import { SharedLine } from '../wires/shared-line.js';
import type { Wire } from '../wires/wire.js';
import { simulatorEnded } from './gateware-error.js';

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
  readonly #line: SharedLine;
  readonly #isKilled: () => void;
  #isStopped = false;

  constructor({ program, image, stats, onEnd }: SimulatedChipOptions) {
    const args = [`+image=${image}`, ...(stats === undefined ? [] : ['--stats', stats])];
    // Ctrl-C is for this process, which then ends the simulator.
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    this.#isKilled = removeAtExit(() => child.kill());
    this.#line = new SharedLine({ now: () => performance.now(), write: (bytes) => void child.stdin.write(bytes) });
    const said = lastLines(child.stderr);
    child.stdout.on('data', (bytes: Uint8Array) => this.#line.receive(bytes));
    // What is written to a process that has ended is lost, which `close` tells.
    child.stdin.on('error', () => {});
    child.once('error', (error) => this.#ended(error, onEnd));
    child.once('close', (code, signal) => this.#ended(simulatorEnded(String(signal ?? code), said()), onEnd));
  }

  connect(wire: Wire): void {
    this.#line.connect(wire);
  }

  stop(): void {
    this.#isStopped = true;
    this.#line.close();
    this.#child.kill();
    this.#isKilled();
  }

  #ended(error: Error, onEnd: (error: Error) => void): void {
    if (this.#isStopped) return;
    this.stop();
    onEnd(error);
  }
}
