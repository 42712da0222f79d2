/**
 * The texts of a model: a thread with its tokenizer, so that 100 kB of text do not hold up others, and so that a
 * template of somebody else cannot hang the service: what takes too long ends with its thread, and a new one is started
 * for the next.
 */
import { Worker } from 'node:worker_threads';
import { packageFile } from '../../model/package-file.js';
import type { ChatMessage } from './chat-template.js';
import { TextProblem } from './text-problem.js';
import type { TextAnswer, TextJob, TextRequest } from './text-messages.js';

/** Compiled, also where its starter runs from its source, in tests: no thread does. */
const THREAD = 'dist/serve/text/text-thread.js';

/** For 4 MB of text the tokenizer takes some seconds. */
const LIMIT_MS = 30_000;
const START_LIMIT_MS = 60_000;
const RENDER_LIMIT_MS = 3_000;
const MEMORY_MB = 512;

export class Texts {
  readonly #job: TextJob;
  #worker: Worker | undefined;
  /** One after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(job: TextJob) {
    this.#job = job;
  }

  /** @param goesOn whether a text is before it @throws TextProblem */
  async encode(text: string, goesOn = false): Promise<number[]> {
    const { ids = [] } = await this.#ask({ do: 'encode', text, goesOn }, LIMIT_MS);
    return ids;
  }

  /** @param ids below V @throws TextProblem */
  async decode(ids: readonly number[]): Promise<string> {
    const { text = '' } = await this.#ask({ do: 'decode', ids }, LIMIT_MS);
    return text;
  }

  /**
   * A conversation as the model was taught to read it, as tokens.
   *
   * @param before the last tokens of the text that it goes on with, if it does
   * @throws TextProblem
   */
  async render(messages: readonly ChatMessage[], before?: readonly number[]): Promise<number[]> {
    const { text = '' } = await this.#ask({ do: 'render', messages, before }, RENDER_LIMIT_MS);
    return await this.encode(text, before !== undefined);
  }

  /** Behind what was asked of it. */
  async close(): Promise<void> {
    await this.#last;
    await this.#worker?.terminate();
  }

  async #ask(request: TextRequest, limitMs: number): Promise<TextAnswer> {
    const turn = this.#last.then(() => this.#post(request, limitMs));
    this.#last = turn.catch(() => {});
    const answer = await turn;
    if (answer.error !== undefined) throw new TextProblem(answer.error);
    return answer;
  }

  async #post(request: TextRequest, limitMs: number): Promise<TextAnswer> {
    if (this.#worker === undefined) {
      const resourceLimits = { maxOldGenerationSizeMb: MEMORY_MB };
      this.#worker = new Worker(packageFile(THREAD), { workerData: this.#job, resourceLimits });
      // It says so when it has loaded what it needs, which is no part of the request's time.
      await this.#heard(this.#worker, START_LIMIT_MS);
    }
    this.#worker.postMessage(request);
    return await this.#heard(this.#worker, limitMs);
  }

  /** What the thread says next; one that is late or has failed is ended. @throws TextProblem */
  async #heard(worker: Worker, limitMs: number): Promise<TextAnswer> {
    worker.ref();
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<TextAnswer>((resolve, reject) => {
        timer = setTimeout(() => reject(new TextProblem(`it takes longer than ${limitMs / 1000} s`)), limitMs);
        worker.once('message', resolve);
        worker.once('error', (error) => reject(new TextProblem(error.message)));
      });
    } catch (error) {
      this.#worker = undefined;
      await worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
      // All at once, Node's own would go with them, and nothing be heard any more.
      worker.removeAllListeners('message').removeAllListeners('error');
      worker.unref();
    }
  }
}
