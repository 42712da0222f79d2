/** An answer as the body of a response: at once where it is short, else part by part. */
import { inParts, jsonPieces, PART_LENGTH } from './json-parts.js';

/** @param onEnd is called at its end, also when the reader leaves before */
export async function jsonBody(
  value: object,
  onEnd: () => void = () => {},
): Promise<string | ReadableStream<Uint8Array>> {
  const parts = inParts(jsonPieces(value));
  let part = await parts.next();
  if (part.done === true || part.value.length < PART_LENGTH) {
    onEnd();
    return part.value ?? '';
  }
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (part.done === true) {
          onEnd();
          return controller.close();
        }
        controller.enqueue(encoder.encode(part.value));
        part = await parts.next().catch((error: unknown) => {
          onEnd();
          throw error;
        });
      },
      cancel: onEnd,
    },
    // A part is made when it is wanted.
    { highWaterMark: 0 },
  );
}
