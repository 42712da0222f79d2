import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteQueue } from '../../../../firmware-host/virtual/usbip/byte-queue.js';

it('a byte queue gives a stream out in other pieces than it came in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 })),
      fc.infiniteStream(fc.nat({ max: 25 })),
      (pieces, lengths) => {
        const queue = new ByteQueue();
        const expected = pieces.flatMap((piece) => [...piece]);
        const got: number[] = [];
        for (const piece of pieces) {
          queue.push(piece);
          for (;;) {
            const length = 1 + (lengths.next().value ?? 0);
            const bytes = queue.peek(length);
            expect(bytes === undefined).toBe(queue.length < length);
            if (bytes === undefined) break;
            got.push(...bytes);
            queue.skip(length);
          }
        }
        got.push(...(queue.peek(queue.length) ?? []));
        expect(got).toEqual(expected);
      },
    ),
  );
});
