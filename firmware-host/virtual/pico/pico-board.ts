/** An emulated Pico as a board: the chip runs in a thread; its UART is shared by the wires that come. */

import { Worker } from 'node:worker_threads';
import { packageFile } from '../../../model/package-file.js';
import type { FlashStore } from '../../firmware/flash/flash-store.js';
import { SharedLine } from '../wires/shared-line.js';
import type { Wire } from '../wires/wire.js';
import type { UsbIpPort } from '../usbip/usbip-server.js';
import { PicoUsb } from './pico-usb.js';
import type { PicoJob, PicoReport, PicoRequest } from './pico-messages.js';

const THREAD = 'dist/firmware-host/virtual/pico/pico-thread.js';

export interface PicoBoardOptions {
  /** The whole flash: firmware, and what it keeps there. */
  readonly flash: FlashStore;
  /** Where its USB cable goes. */
  readonly usb?: UsbIpPort | undefined;
  readonly onRestart: () => void;
  /** Is told when nothing runs any more: the firmware ran into a fault, or the chip waits for a file on its drive. */
  readonly onEnd: (why: Error | 'boot-mode') => void;
}

export class PicoBoard {
  readonly #thread: Worker;
  readonly #line: SharedLine;
  readonly #usb: UsbIpPort | undefined;
  #device: PicoUsb | undefined;
  #onFound: () => void = () => {};
  /** Settled when its USB cable has found it first. */
  readonly isOnUsb = new Promise<void>((resolve) => (this.#onFound = resolve));
  #isStopped = false;

  constructor({ flash, usb, onRestart, onEnd }: PicoBoardOptions) {
    this.#usb = usb;
    const job: PicoJob = { flash: Uint8Array.from(flash.read(0, flash.length)) };
    // Without the options of the program, which are not for this thread.
    const thread = new Worker(packageFile(THREAD), { workerData: job, execArgv: [] });
    this.#thread = thread;
    this.#line = new SharedLine({ now: () => performance.now(), write: (bytes) => this.#ask({ is: 'uart', bytes }) });
    const end = (why: Error | 'boot-mode'): void => {
      if (this.#isStopped) return;
      this.stop();
      onEnd(why);
    };
    thread.on('message', (report: PicoReport) => {
      if (report.is === 'uart') this.#line.receive(report.bytes);
      else if (report.is === 'written') flash.write(report.offset, report.bytes);
      else if (report.is === 'on-usb') this.#plug(report);
      else if (report.is === 'transferred') this.#device?.ended(report);
      else if (report.is === 'boot-mode') end('boot-mode');
      else {
        this.#usb?.unplug();
        onRestart();
      }
    });
    thread.once('error', (error) => end(error instanceof Error ? error : new Error(String(error))));
    thread.once('exit', (code) => end(new Error(`its thread ended with ${code}`)));
  }

  connect(wire: Wire): void {
    this.#line.connect(wire);
  }

  stop(): void {
    this.#isStopped = true;
    this.#line.close();
    this.#usb?.unplug();
    void this.#thread.terminate();
  }

  #plug(found: Extract<PicoReport, { is: 'on-usb' }>): void {
    const onReady = (): void => this.#usb?.flush();
    this.#device = new PicoUsb({ found, ask: (request) => this.#ask(request), onReady });
    this.#usb?.plug(this.#device, () => {});
    this.#onFound();
  }

  #ask(request: PicoRequest): void {
    this.#thread.postMessage(request);
  }
}
