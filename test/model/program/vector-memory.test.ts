import { describe, expect, it } from 'vitest';
import { MemoryFault, VectorMemory, type VectorName } from '../../../model/program/vector-memory.js';
import { TINY_SHAPE } from '../../helpers/tiny-image.js';

function filled(): VectorMemory {
  const memory = new VectorMemory(TINY_SHAPE);
  for (const name of ['x', 'v', 'n', 'i', 'f', 'g', 'q0', 'q1'] as const) memory.write(name, 5);
  return memory;
}

describe('the memory of vectors', () => {
  it('gives back what was written, and nothing before', () => {
    const memory = new VectorMemory(TINY_SHAPE);
    expect(() => memory.read('x', 5)).toThrow(MemoryFault);
    memory.write('v', 3).set([1, 2, 3]);
    expect([...memory.read('v', 2)]).toEqual([1, 2]);
    expect(() => memory.read('v', 5)).toThrow('v is read and does not hold 5 numbers');
    memory.clear();
    expect(() => memory.read('v', 3)).toThrow(MemoryFault);
  });

  it.each<[VectorName, readonly VectorName[]]>([
    ['u', ['i', 'f', 'g', 'n']],
    ['i', ['u']],
    ['n', ['u']],
    ['x', []],
    ['v', []],
  ])('loses by writing %s what may lie there: %j', (name, lost) => {
    const memory = filled();
    // What is lost must have been there: u, or else what u has just displaced.
    if (name !== 'u') memory.write('u', 6);
    memory.write(name, 5);
    const holds = (vector: VectorName): boolean => {
      try {
        return memory.read(vector, 1).length === 1;
      } catch (error) {
        if (error instanceof MemoryFault) return false;
        throw error;
      }
    };
    expect(lost.filter(holds)).toEqual([]);
    expect((['x', 'v', 'q0', 'q1', name] as const).filter((other) => !holds(other))).toEqual([]);
    expect(holds('u')).toBe(name !== 'i' && name !== 'n');
  });

  it('is locked for the target and the input of a product, and for what lies where the target does', () => {
    const memory = filled();
    memory.lock(['u'], ['u', 'q0']);
    for (const name of ['u', 'i', 'f', 'g', 'n'] as const)
      expect(() => memory.read(name, 1)).toThrow('may still write');
    for (const name of ['u', 'i', 'f', 'g', 'n', 'q0'] as const)
      expect(() => memory.write(name, 1)).toThrow(MemoryFault);
    expect(() => [
      memory.read('q0', 1),
      memory.read('x', 1),
      memory.write('q1', 1),
      memory.write('v', 1),
    ]).not.toThrow();
    memory.unlock();
    expect(() => [memory.write('u', 1), memory.write('q0', 1)]).not.toThrow();
  });
});
