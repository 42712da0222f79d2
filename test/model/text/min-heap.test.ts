import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MinHeap } from '../../../model/text/min-heap.js';

it('gives the smallest, whatever was added and taken before', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20))), (steps) => {
      const heap = new MinHeap();
      const simple: number[] = [];
      const taken: (number | undefined)[] = [];
      const expected: (number | undefined)[] = [];
      for (const number of steps) {
        if (number === null) {
          taken.push(heap.pop());
          const smallest = Math.min(...simple);
          expected.push(simple.length > 0 ? smallest : undefined);
          simple.splice(simple.indexOf(smallest), 1);
        } else {
          heap.push(number);
          simple.push(number);
        }
      }
      expect(taken).toEqual(expected);
    }),
  );
});
