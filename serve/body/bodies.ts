/**
 * Bodies of requests. Long ones are read by a thread: 4 MiB of JSON have room for two million numbers, or for brackets
 * in each other, which take a second or two in which nobody else would be served.
 */
import { ApiError, invalidJson } from '../api-error.js';
import type { RequestBody, RequestName } from '../schemas.js';
import { AskedThread, ThreadProblem } from '../threads/asked-thread.js';
import type { BodyAnswer, BodyQuestion } from './body-messages.js';
import { checkedBody } from './checked-body.js';

const THREAD = 'dist/serve/body/body-thread.js';
const MEMORY_MB = 512;
const LIMIT_MS = 10_000;

/** Whatever is in so many bytes takes a few milliseconds. */
const SHORT_BYTES = 32_768;

export class Bodies {
  readonly #thread = new AskedThread<BodyQuestion, BodyAnswer>({ file: THREAD, memoryMb: MEMORY_MB });

  /**
   * @param bytes which nobody else may use afterwards
   * @param mostItems as `checkedBody` has it
   * @param owner for whom: owners take turns
   * @throws ApiError
   */
  async check<Name extends RequestName>(
    name: Name,
    bytes: Uint8Array<ArrayBuffer>,
    mostItems: number,
    owner: string,
  ): Promise<RequestBody<Name>> {
    if (bytes.length <= SHORT_BYTES) return checkedBody(name, bytes, mostItems);
    const asking = { limitMs: LIMIT_MS, owner, transfer: [bytes.buffer] };
    const answer = await this.#thread.ask({ name, bytes, mostItems }, asking).catch((error: unknown) => {
      throw error instanceof ThreadProblem ? invalidJson(error) : error;
    });
    if (answer.is === 'body') return answer.body as RequestBody<Name>;
    const { status, code, message, param } = answer;
    throw new ApiError(status, code, message, param === undefined ? {} : { param });
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }
}
