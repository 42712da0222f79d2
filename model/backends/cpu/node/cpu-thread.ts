/** A thread of the machine `cpu` in Node: the first one, or a helper. */
import { readFileSync, readSync } from 'node:fs';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { SectionPlace } from '../../../../protocol/image/boot-record.js';
import type { SectionName } from '../../../../protocol/image/model-shape.js';
import type { CpuJob, CpuRequest } from '../cpu-messages.js';
import type { KernelFamily } from '../kernels.js';
import { Leader } from '../leader.js';
import { help, type HelperJob } from '../helper.js';
import { turnOnRelaxedSimd } from './families.js';

/** What the first thread is started with. */
export interface NodeCpuJob extends CpuJob {
  /** An open file, or memory. */
  readonly image: number | Uint8Array;
  readonly sections: Readonly<Record<SectionName, SectionPlace>>;
}

turnOnRelaxedSimd();

// The only ones to start this thread are `openCpu` and the first thread.
const order = workerData as NodeCpuJob | HelperJob;
if ('thread' in order) {
  parentPort!.postMessage('ready');
  help(order);
} else {
  lead(order);
}

function lead(job: NodeCpuJob): void {
  const port = parentPort!;
  try {
    const leader = new Leader(job, {
      read: (section, offset, into) => readImage(job, job.sections[section].offset + offset, into),
      module: moduleOf,
      startHelper(work, onReady) {
        const worker = new Worker(new URL(import.meta.url), { workerData: work });
        worker.on('message', onReady);
        worker.on('error', (error) => port.postMessage({ is: 'failed', error }));
      },
      post: (report, transfer) => port.postMessage(report, transfer),
      later: (work) => void setImmediate(work),
      now: () => performance.now(),
    });
    port.on('message', (request: CpuRequest) => leader.hear(request));
  } catch (error) {
    port.postMessage({ is: 'failed', error });
  }
}

function readImage({ image }: NodeCpuJob, offset: number, into: Uint8Array): void {
  if (typeof image !== 'number') return into.set(image.subarray(offset, offset + into.length));
  for (let done = 0; done < into.length;) {
    const count = readSync(image, into, done, into.length - done, offset + done);
    if (count === 0) throw new RangeError(`the image ends before byte ${offset + into.length}`);
    done += count;
  }
}

function moduleOf(family: KernelFamily): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../${family}.wasm`, import.meta.url)));
}
