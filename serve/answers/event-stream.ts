/**
 * Chunks as a stream of server-sent events, as clients of OpenAI's interface read them: `data: JSON`, at the end
 * `data: [DONE]`. Whoever waits gets comments, which keep proxies from giving up; an error is an event of its own,
 * behind which nothing comes.
 */
import { apiErrorOf } from '../api-error.js';
import { othersTurn } from '../others-turn.js';
import { inParts, jsonPieces } from './json-parts.js';

/** Proxies give up after a minute. */
const KEEP_ALIVE_MS = 15_000;

const KEEP_ALIVE = ': waiting\n\n';

/**
 * @param chunks for `json-parts.ts`; what they throw ends the stream
 * @param onEnd is called at the end, also when the reader leaves before; with what they threw, if anything
 */
export function eventStream(
  chunks: AsyncGenerator<object, void>,
  onEnd: (error?: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<object, void>> | undefined;
  /** What is left of the event that is being sent. */
  let event: AsyncIterator<string, void> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const send = (text: string): void => controller.enqueue(encoder.encode(text));
        try {
          await othersTurn();
          const part = await event?.next();
          if (part?.done === false) return send(part.value);
          next ??= chunks.next();
          const result = await soon(next);
          if (result === undefined) return send(KEEP_ALIVE);
          next = undefined;
          if (result.done !== true) {
            event = inParts(eventPieces(result.value));
            return send((await event.next()).value ?? '');
          }
          send('data: [DONE]\n\n');
          onEnd();
        } catch (cause) {
          send(`data: ${JSON.stringify(apiErrorOf(cause).body)}\n\n`);
          onEnd(cause);
        }
        controller.close();
      },
      cancel() {
        onEnd();
        void chunks.return().catch(() => {});
      },
    },
    // A chunk is made when it is wanted: who reads slowly gets more tokens in each.
    { highWaterMark: 0 },
  );
}

function* eventPieces(chunk: object): Generator<string, void> {
  yield 'data: ';
  yield* jsonPieces(chunk);
  yield '\n\n';
}

/** Undefined if it takes long. */
async function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), KEEP_ALIVE_MS)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
