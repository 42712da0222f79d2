/** The machine `cpu` in Node. */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { imageChanged } from '../../../../protocol/image/image-error.js';
import { verifyWeights } from '../../../../protocol/image/weight-checks.js';
import type { ImageFile } from '../../../image-file.js';
import type { ImageIdentity } from '../../../machine/machine.js';
import { cpuFailed } from '../cpu-error.js';
import { CpuMachine, UnsoundWeights, type LeaderThread } from '../cpu-machine.js';
import type { CpuSetting } from '../cpu-messages.js';
import type { KernelFamily } from '../kernels.js';
import { MAX_THREADS } from '../layout.js';
import { planMemory } from '../memory-plan.js';
import type { NodeCpuJob, NodeCpuReport } from './cpu-thread.js';
import { startThread } from './start-thread.js';

export interface CpuOptions {
  /** Threads at most. */
  readonly threads?: number | undefined;
  /** Only these kernels. */
  readonly families?: readonly KernelFamily[];
  readonly setting?: CpuSetting | undefined;
  /** Nothing is measured. */
  readonly isFixed?: boolean;
  readonly onMeasured?: (setting: CpuSetting) => void;
  /** How a thread is started. */
  readonly start?: typeof startThread;
}

/** What of an image is used; the file must stay open as long as the machine. */
export type CpuImage = Pick<ImageFile, 'handle' | 'source'> & {
  readonly view: Pick<ImageFile['view'], 'shape' | 'sections'>;
};

/**
 * Loads an image whose structure is sound, and checks its matrices on the way; everything else may be checked
 * meanwhile.
 *
 * @throws CpuError; ImageError `image-bad-weights`, `image-changed`; what reading throws
 */
export async function openCpu(
  { handle, source, view }: CpuImage,
  image: ImageIdentity,
  {
    threads: wanted = availableParallelism(),
    families,
    setting,
    isFixed,
    onMeasured,
    start = startThread,
  }: CpuOptions = {},
): Promise<CpuMachine> {
  const { shape, sections } = view;
  // Refused before a thread is started.
  planMemory(shape);
  const threads = Math.min(MAX_THREADS, wanted);
  const job: NodeCpuJob = { shape, families, threads, setting, isFixed, image: handle, sections };
  try {
    return await CpuMachine.create(shape, image, startThreads(job, start), onMeasured);
  } catch (error) {
    if (!(error instanceof UnsoundWeights)) throw error;
    verifyWeights(source, view);
    // They are sound now.
    throw imageChanged('the image');
  }
}

/**
 * Starts the first thread, and helpers when it asks for them. Whichever of them ends by itself, the machine has failed:
 * the others may wait for it.
 */
function startThreads(job: NodeCpuJob, start: typeof startThread): LeaderThread {
  const leader = start(job);
  const workers = [leader];
  let hasEnded = false;
  return {
    send: (request, transfer) => leader.postMessage(request, transfer),
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
