/** The thread in which an emulated Pico runs. Between slices of its time it hears what has come for it. */

import { parentPort, workerData } from 'node:worker_threads';
import { memoryStore, type FlashStore } from '../../firmware/flash/flash-store.js';
import { PicoChip } from './pico-chip.js';
import type { PicoJob, PicoReport, PicoRequest } from './pico-messages.js';

/** About 10 ms of this computer's. */
const SLICE_CYCLES = 500_000;

const port = parentPort!;
// The only one to start this thread is `PicoBoard`.
const flash = reportingStore((workerData as PicoJob).flash);
let sent: number[] = [];
/** Whether its USB host has seen it. */
let isFound = false;
let chip = powerOn();
/** Until it has something to do, where it sleeps. */
let nap: NodeJS.Timeout | undefined;

port.on('message', (request: PicoRequest) => {
  if (request.is === 'uart') chip.receive(request.bytes);
  else if (request.is === 'bus-reset') chip.usbHost.reset(() => {});
  else chip.usbHost.submit({ ...request, onDone: (result) => report({ is: 'transferred', id: request.id, result }) });
  if (nap !== undefined) work();
});
work();

function work(): void {
  clearTimeout(nap);
  nap = undefined;
  chip.run(SLICE_CYCLES);
  flush();
  if (!isFound && chip.usb.isConnected) {
    isFound = true;
    chip.usbHost.enumerate((device, configuration) => report({ is: 'on-usb', device, configuration }));
  }
  if (chip.end === 'boot-mode') {
    report({ is: 'boot-mode' });
    port.close();
    return;
  }
  if (chip.end === 'restart') {
    chip = powerOn();
    report({ is: 'restarted' });
  }
  const { sleepsMs } = chip;
  if (sleepsMs > 0) nap = setTimeout(work, sleepsMs);
  else setImmediate(work);
}

function powerOn(): PicoChip {
  isFound = false;
  return new PicoChip({ flash, onUart: (byte) => sent.push(byte), now: () => 1e6 * performance.now() });
}

function flush(): void {
  if (sent.length > 0) report({ is: 'uart', bytes: Uint8Array.from(sent) });
  sent = [];
}

function report(message: PicoReport): void {
  port.postMessage(message);
}

/** In memory here; what is written is kept by the other thread, which hears of it before what the chip says next. */
function reportingStore(contents: Uint8Array): FlashStore {
  const store = memoryStore(contents);
  return {
    ...store,
    write: (offset, bytes) => {
      store.write(offset, bytes);
      flush();
      report({ is: 'written', offset, bytes: Uint8Array.from(bytes) });
    },
  };
}
