/** The machine `cpu` in Node. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ImageFile } from '../../../image-file.js';
import type { ImageIdentity } from '../../../machine/machine.js';
import { cpuFailed } from '../cpu-error.js';
import { CpuMachine, type LeaderThread } from '../cpu-machine.js';
import type { CpuSetting } from '../cpu-messages.js';
import type { KernelFamily } from '../kernels.js';
import { packageFile } from '../../../package-file.js';
import { planMemory } from '../memory-plan.js';
import { MAX_THREADS } from '../layout.js';
import type { HelperOrder, NodeCpuJob, NodeCpuReport } from './cpu-thread.js';
import { familiesOfNode } from './families.js';

/** Compiled, also where its starter runs from its source, in tests: no thread does. */
const THREAD = 'dist/model/backends/cpu/node/cpu-thread.js';

export interface CpuOptions {
  /** Threads at most. */
  readonly threads?: number | undefined;
  /** Only these kernels. */
  readonly families?: readonly KernelFamily[];
  readonly setting?: CpuSetting | undefined;
  /** Nothing is measured. */
  readonly isFixed?: boolean;
  readonly onMeasured?: (setting: CpuSetting) => void;
}

/** What of an image is used; the file must stay open until the machine is there. */
export type CpuImage = Pick<ImageFile, 'handle'> & { readonly view: Pick<ImageFile['view'], 'shape' | 'sections'> };

/**
 * Loads an image whose structure is sound. Its contents may be checked meanwhile.
 *
 * @throws CpuError; what reading throws
 */
export async function openCpu(
  { handle, view: { shape, sections } }: CpuImage,
  image: ImageIdentity,
  {
    threads: wanted = availableParallelism(),
    families = familiesOfNode(),
    setting,
    isFixed,
    onMeasured,
  }: CpuOptions = {},
): Promise<CpuMachine> {
  // Refused before a thread is started.
  planMemory(shape);
  const threads = Math.min(MAX_THREADS, wanted);
  const job: NodeCpuJob = { shape, families, threads, setting, isFixed, image: handle, sections };
  return await CpuMachine.create(shape, image, startThreads(job), onMeasured);
}

/**
 * Starts the first thread, and helpers when it asks for them. Whichever of them ends by itself, the machine has failed: the others may wait for it.
 *
 * @param start how a thread is started
 */
export function startThreads(job: NodeCpuJob, start = startThread): LeaderThread {
  const leader = start(job);
  const workers = [leader];
  let hasEnded = false;
  return {
    send: (request) => leader.postMessage(request),
    onReport(listener) {
      const watch = (worker: Worker): void => {
        worker.on('error', (error) => listener({ is: 'failed', error: cpuFailed(error) }));
        worker.on('exit', (code) => {
          if (!hasEnded) listener({ is: 'failed', error: cpuFailed(new Error(`it ended with ${code}`)) });
        });
      };
      for (const worker of workers) {
        worker.removeAllListeners();
        watch(worker);
      }
      leader.on('message', (report: NodeCpuReport) => {
        if (report.is !== 'helper') return listener(report);
        if (hasEnded) return;
        const helper = start({ port: report.port });
        helper.unref();
        watch(helper);
        workers.push(helper);
      });
    },
    hold: (isBusy) => (isBusy ? leader.ref() : leader.unref()),
    end: async () => {
      hasEnded = true;
      await Promise.all(workers.map(async (worker) => await worker.terminate()));
    },
  };
}

function startThread(order: NodeCpuJob | HelperOrder): Worker {
  const transferList = 'port' in order ? [order.port] : [];
  return new Worker(packageFile(THREAD), { workerData: order, transferList });
}
