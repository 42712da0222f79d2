/**
 * The first thread of the machine: it loads the model, hears the machine's requests, and computes slices of a few
 * milliseconds between them. Nothing here waits for anybody, so the machine's own thread never does.
 */
import { CpuError } from './cpu-error.js';
import { CpuComputer } from './cpu-computer.js';
import type { CpuJob, CpuReport, CpuRequest, CpuSetting } from './cpu-messages.js';
import type { HelperJob } from './helper.js';
import { loadMatrices, memoryFor, type ReadSection } from './image-loader.js';
import type { KernelFamily, KernelModules } from './kernels.js';
import { RunQueue } from './run-queue.js';
import { Tuner } from './tuner.js';

/** Requests are heard so often, at least. */
const SLICE_MS = 5;

/** What the first thread needs of where it runs. */
export interface LeaderHome {
  readonly read: ReadSection;
  /** Whether somebody may have written to what `read` reads. */
  hasImageChanged(): boolean;
  /**
   * Compiles the kernels.
   *
   * @param families all unless given
   * @returns those of them that are right here and worth a trial; the first until something else is measured
   */
  compile(families?: readonly KernelFamily[]): KernelModules;
  /** Bytes of the module `transcode`. */
  transcoder(): Uint8Array<ArrayBuffer>;
  /** Has a thread started that is lent to the kernels (`helper.ts`). */
  startHelper(job: HelperJob): void;
  /** @param transfer what the receiver gets instead of a copy */
  post(report: CpuReport, transfer: readonly ArrayBuffer[]): void;
  /** Calls back after everything that has arrived was heard. */
  later(work: () => void): void;
  now(): number;
}

export class Leader {
  readonly #home: LeaderHome;
  readonly #computer: CpuComputer;
  readonly #queue: RunQueue;
  readonly #modules: KernelModules;
  /** For steps of one row, and for those of several: what is best for the one may be bad for the other. */
  readonly #tuners: { readonly single: Tuner; readonly several: Tuner } | undefined;
  /** Told to the machine. */
  #told: CpuSetting | undefined;
  #setting: CpuSetting;
  /** Threads that were started; the first one counts. */
  #started = 1;
  #isBusy = false;

  /** Loads the model. @throws CpuError; what `read` throws */
  constructor(job: CpuJob, home: LeaderHome) {
    this.#home = home;
    this.#modules = home.compile(job.families);
    const families = [...this.#modules.products.keys()];
    const setting = settingOf(job, families);
    const memory = memoryFor(job.shape, home.transcoder());
    this.#computer = new CpuComputer(memory, this.#modules, setting.family);
    this.#setting = setting;
    this.#told = job.setting;
    if (job.isFixed !== true) {
      this.#tuners = {
        single: new Tuner(families, job.threads, job.setting && setting),
        several: new Tuner(families, job.threads),
      };
    }
    this.#computer.configure(setting.family, 1);
    if (setting.threads > 1) this.#use(setting);
    this.#computer.load(home.read);
    const isSound = loadMatrices(memory, home.read);
    this.#queue = new RunQueue(this.#computer);
    if (!isSound) this.#post({ is: 'unsound' });
    else this.#post({ is: 'ready', window: this.#queue.window, bytes: this.#computer.memory.buffer.byteLength });
  }

  hear(request: CpuRequest): void {
    try {
      this.#answer(request);
    } catch (error) {
      this.#fail(error);
    }
  }

  #answer(request: CpuRequest): void {
    const { sequence } = request;
    switch (request.do) {
      case 'open':
        try {
          this.#queue.open(sequence);
        } catch (error) {
          return this.#post({ is: 'refused', sequence, why: error instanceof Error ? error.message : String(error) });
        }
        return this.#post({ is: 'done', sequence });
      case 'close':
        return this.#queue.close(sequence);
      case 'run':
        this.#queue.start(sequence, request.run, request.order);
        return this.#work();
      case 'seen':
        this.#queue.seen(sequence, request.count, request.spent);
        return this.#work();
      case 'end':
        return this.#post({ is: 'done', sequence, quiet: this.#queue.end(sequence, request.steps) });
      case 'save': {
        const words = this.#queue.save(sequence);
        return this.#post({ is: 'done', sequence, words }, [words.buffer]);
      }
      case 'restore':
        this.#queue.restore(sequence, request.words);
        return this.#post({ is: 'done', sequence });
      case 'reset':
        this.#queue.reset(sequence);
        return this.#post({ is: 'done', sequence });
    }
  }

  #work(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#home.later(() => {
      this.#isBusy = false;
      try {
        if (this.#slice()) this.#work();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  /** @returns whether there was something to do */
  #slice(): boolean {
    const start = this.#home.now();
    let tokens = 0;
    let before = start;
    do {
      const done = this.#queue.step();
      if (done.tokens === 0) break;
      const after = this.#home.now();
      const tuner = this.#tuners?.[done.tokens === 1 ? 'single' : 'several'];
      if (this.#isInUse(tuner?.setting)) tuner?.note(after - before, done.tokens);
      before = after;
      this.#use(tuner?.setting ?? this.#setting);
      tokens += done.tokens;
      // Whoever waits for a first token gets it at once.
      if (done.isNews) break;
    } while (before - start < SLICE_MS);
    if (this.#home.hasImageChanged()) {
      // What was read need not be what was checked.
      this.#post({ is: 'changed' });
      return false;
    }
    this.#tell();
    const results = this.#queue.results();
    const transfer = results.flatMap(({ logits = [] }) => logits.map(({ buffer }) => buffer));
    if (results.length > 0) this.#post({ is: 'results', results }, transfer);
    return tokens > 0;
  }

  /** Helpers come when they are needed for the first time; until all listen, one thread does. */
  #use(setting: CpuSetting): void {
    for (; this.#started < setting.threads; this.#started++) {
      this.#home.startHelper({ thread: this.#started, memory: this.#computer.memory, modules: this.#modules });
    }
    const threads = this.#computer.listening < this.#started ? 1 : setting.threads;
    if (setting.family === this.#setting.family && threads === this.#computer.threads) {
      this.#setting = setting;
      return;
    }
    this.#setting = setting;
    this.#computer.configure(setting.family, threads);
  }

  /** Not while helpers are still to come. */
  #isInUse(setting: CpuSetting | undefined): boolean {
    return setting?.family === this.#setting.family && setting.threads === this.#computer.threads;
  }

  /** What begins a text is the best beginning for the next process, too. */
  #tell(): void {
    const setting = this.#tuners?.single.chosen;
    if (setting === undefined) return;
    if (setting.family === this.#told?.family && setting.threads === this.#told.threads) return;
    this.#told = setting;
    this.#post({ is: 'measured', setting });
  }

  #post(report: CpuReport, transfer: readonly ArrayBuffer[] = []): void {
    this.#home.post(report, transfer);
  }

  #fail(error: unknown): void {
    this.#post(failure(error));
  }
}

/** Why a thread computes nothing more. */
export function failure(error: unknown): CpuReport {
  const isUnsupported = error instanceof CpuError && error.code === 'cpu-unsupported';
  return isUnsupported ? { is: 'unsupported', why: error.reason } : { is: 'failed', error };
}

/** What was measured before, as far as it is allowed here. */
function settingOf({ setting, threads }: CpuJob, families: readonly KernelFamily[]): CpuSetting {
  const family = setting !== undefined && families.includes(setting.family) ? setting.family : families[0];
  return { family, threads: Math.min(threads, setting?.threads ?? 1) };
}
