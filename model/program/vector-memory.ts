/**
 * What the gateware keeps of a token, for the simulator: vectors that hold nothing until they are written, and that a
 * product under way locks.
 *
 * docs/GATEWARE.md, section 3. A program that reads what is not there, or not there for certain, is stopped instead of
 * computing with what a machine happens to have there.
 */
import type { ModelShape } from '../../protocol/image/model-shape.js';

/** Names of the vectors of a token. */
export type VectorName = 'x' | 'v' | 'n' | 'i' | 'f' | 'g' | 'u' | 'q0' | 'q1' | 'logits';

/** `u` may lie where these do, which are dead by then. */
const SHARED_WITH_U: readonly VectorName[] = ['i', 'f', 'g', 'n'];

/** What may lie in the same place: who writes one of them loses the others. */
export function sharedWith(name: VectorName): readonly VectorName[] {
  return name === 'u' ? SHARED_WITH_U : SHARED_WITH_U.includes(name) ? ['u'] : [];
}

/** Why a vector cannot be used; a whole clause. */
export class MemoryFault extends Error {}

/** Vectors of one token. */
export class VectorMemory {
  readonly #numbers: Readonly<Record<VectorName, Int32Array>>;
  /** How many numbers a vector holds. */
  readonly #held = new Map<VectorName, number>();
  readonly #notReadable = new Set<VectorName>();
  readonly #notWritable = new Set<VectorName>();

  constructor({ hiddenSize, intermediateSize, vocabSize }: ModelShape) {
    const widest = Math.max(hiddenSize, intermediateSize);
    const of = (length: number): Int32Array => new Int32Array(length);
    this.#numbers = {
      x: of(hiddenSize),
      v: of(widest),
      n: of(widest),
      i: of(hiddenSize),
      f: of(hiddenSize),
      g: of(hiddenSize),
      u: of(2 * intermediateSize),
      q0: of(widest),
      q1: of(widest),
      logits: of(vocabSize),
    };
  }

  /** A new token: nothing holds anything. */
  clear(): void {
    this.#held.clear();
    this.#notReadable.clear();
    this.#notWritable.clear();
  }

  /** The first `length` numbers. @throws MemoryFault */
  read(name: VectorName, length: number): Int32Array {
    if (this.#notReadable.has(name)) throw new MemoryFault(`${name} is read while a product may still write it`);
    if ((this.#held.get(name) ?? 0) < length)
      throw new MemoryFault(`${name} is read and does not hold ${length} numbers`);
    return this.#numbers[name].subarray(0, length);
  }

  /** Room for `length` numbers, which it holds from now on. @throws MemoryFault */
  write(name: VectorName, length: number): Int32Array {
    if (this.#notWritable.has(name)) throw new MemoryFault(`${name} is written while a product may still use it`);
    for (const shared of sharedWith(name)) {
      if (this.#notWritable.has(shared)) throw new MemoryFault(`${name} is written and may lie where ${shared} does`);
      this.#held.delete(shared);
    }
    this.#held.set(name, length);
    return this.#numbers[name].subarray(0, length);
  }

  /**
   * A product is under way: until {@link unlock} nobody reads, or writes, these vectors. What it will write may lie
   * where others do.
   */
  lock(notReadable: readonly VectorName[], notWritable: readonly VectorName[]): void {
    for (const name of notReadable.flatMap((written) => [written, ...sharedWith(written)])) this.#notReadable.add(name);
    for (const name of notWritable) this.#notWritable.add(name);
  }

  /** No product is under way. */
  unlock(): void {
    this.#notReadable.clear();
    this.#notWritable.clear();
  }
}
