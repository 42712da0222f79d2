/** The first thread of the machine `cpu` in Node. */
import { fstatSync, readSync } from 'node:fs';
import { MessageChannel, parentPort } from 'node:worker_threads';
import type { SectionPlace } from '../../../../protocol/image/boot-record.js';
import type { SectionName } from '../../../../protocol/image/model-shape.js';
import type { CpuJob, CpuReport, CpuRequest } from '../cpu-messages.js';
import { failure, Leader } from '../leader.js';
import type { HelperOrder } from './helper-thread.js';
import { moduleBytes } from './module-bytes.js';
import { kernelsOfNode } from './node-compiler.js';

/** What the first thread is told first. */
export interface NodeCpuJob extends CpuJob {
  /** An open file, or memory. */
  readonly image: number | Uint8Array;
  readonly sections: Readonly<Record<SectionName, SectionPlace>>;
}

/**
 * What the first thread says to the one that started it: it starts helpers, too, because it is never busy, and hears
 * when one of them ends.
 */
export type NodeCpuReport = CpuReport | ({ readonly is: 'helper' } & HelperOrder);

// The only one to start this thread is `startThread`.
const port = parentPort!;
port.once('message', lead);

/** Before there is a job, which the program may still be finding; a failure is told then. */
const ahead = attempt(kernelsOfNode);

function lead(job: NodeCpuJob): void {
  try {
    const leader = new Leader(job, {
      read: (section, offset, into) => readImage(job, job.sections[section].offset + offset, into),
      hasImageChanged: watchFor(job.image),
      compile: (families) => (families === undefined ? ahead() : kernelsOfNode(families)),
      transcoder: () => moduleBytes('transcode'),
      startHelper(work) {
        const { port1, port2 } = new MessageChannel();
        port1.postMessage(work);
        port.postMessage({ is: 'helper', port: port2 }, [port2]);
      },
      post: (report, transfer) => port.postMessage(report, transfer),
      later: (work) => void setImmediate(work),
      now: () => performance.now(),
    });
    port.on('message', (request: CpuRequest) => leader.hear(request));
  } catch (error) {
    port.postMessage(failure(error));
  }
}

function attempt<T>(work: () => T): () => T {
  try {
    const result = work();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Whoever writes to a file changes its time; other names for it, or none, change nothing. */
function watchFor(image: NodeCpuJob['image']): () => boolean {
  if (typeof image !== 'number') return () => false;
  const { size, mtimeMs } = fstatSync(image);
  return () => {
    const now = fstatSync(image);
    return now.size !== size || now.mtimeMs !== mtimeMs;
  };
}

function readImage({ image }: NodeCpuJob, offset: number, into: Uint8Array): void {
  if (typeof image !== 'number') return into.set(image.subarray(offset, offset + into.length));
  for (let done = 0; done < into.length;) {
    const count = readSync(image, into, done, into.length - done, offset + done);
    if (count === 0) throw new RangeError(`the image ends before byte ${offset + into.length}`);
    done += count;
  }
}
