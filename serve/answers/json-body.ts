/** An answer as the body of a response: at once where it is short, else part by part. */
import { othersTurn } from '../others-turn.js';
import { inParts, jsonPieces, PART_LENGTH } from './json-parts.js';

/** @param onEnd is called at its end, also when the reader leaves before */
export function jsonBody(value: object, onEnd: () => void = () => {}): string | ReadableStream<Uint8Array> {
  const parts = inParts(jsonPieces(value));
  let part = parts.next().value ?? undefined;
  if (part === undefined || part.length < PART_LENGTH) {
    onEnd();
    return part ?? '';
  }
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await othersTurn();
        if (part === undefined) {
          onEnd();
          return controller.close();
        }
        controller.enqueue(encoder.encode(part));
        part = parts.next().value ?? undefined;
      },
      cancel: onEnd,
    },
    // A part is made when it is wanted.
    { highWaterMark: 0 },
  );
}
