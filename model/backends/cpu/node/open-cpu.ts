/** The machine `cpu` in Node. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ImageFile } from '../../../image-file.js';
import type { ImageIdentity } from '../../../machine/machine.js';
import { cpuFailed } from '../cpu-error.js';
import { CpuMachine, type LeaderThread } from '../cpu-machine.js';
import type { CpuReport, CpuSetting } from '../cpu-messages.js';
import type { KernelFamily } from '../kernels.js';
import { packageFile } from '../../../package-file.js';
import { planMemory } from '../memory-plan.js';
import type { NodeCpuJob } from './cpu-thread.js';
import { familiesOfNode, threadsOfNode } from './families.js';

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
  const threads = threadsOfNode(wanted);
  const job: NodeCpuJob = { shape, families, threads, setting, isFixed, image: handle, sections };
  return await CpuMachine.create(shape, image, leaderThread(job), onMeasured);
}

/** Starts the first thread. */
export function leaderThread(job: NodeCpuJob): LeaderThread {
  const worker = new Worker(packageFile(THREAD), { workerData: job });
  let hasEnded = false;
  return {
    send: (request) => worker.postMessage(request),
    onReport(listener) {
      worker.removeAllListeners();
      worker.on('message', (report: CpuReport) => listener(report));
      worker.on('error', (error) => listener({ is: 'failed', error: cpuFailed(error) }));
      worker.on('exit', (code) => {
        if (!hasEnded) listener({ is: 'failed', error: cpuFailed(new Error(`it ended with ${code}`)) });
      });
    },
    hold: (isBusy) => (isBusy ? worker.ref() : worker.unref()),
    end: async () => {
      hasEnded = true;
      await worker.terminate();
    },
  };
}
