/**
 * Runs a program as the gateware does, one instruction after the other, with products in the background:
 * docs/GATEWARE.md, sections 3 and 4.
 *
 * A third implementation of the integer model, beside `model/integer/` and the test oracle: it reads the words of the
 * program and the bytes of the image, knows no model, and shares no arithmetic with the others.
 *
 * When a product ends is not known to a program. So it is simulated at either extreme: at once, or only where a wait
 * demands it, and until then its target and input are locked. A program that is right gives the same numbers both ways.
 */
import { crc32 } from '../../protocol/crc32.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { WeightBytes } from '../integer/model-weights.js';
import { decodeInstruction, EPSILONS, OPERATIONS, TARGETS, type Instruction } from './instruction-set.js';
import { programFault } from './program-error.js';
import { MemoryFault, VectorMemory, type VectorName } from './vector-memory.js';
import { VectorUnit, type OutputScale } from './vector-unit.js';

/** When products are finished. */
export type ProductTiming = 'at once' | 'as late as allowed';

/** Numbers that an instruction wrote, or that its product will write. */
export interface Change {
  /** A vector, `h` (of the layer), or a scalar: `e`, `S`, `s`, `rho`, `c0`, `shift0`, `zero0` (or 1), `G`, `tap`. */
  readonly name: string;
  readonly values: ArrayLike<number>;
}

/** An instruction that was executed. */
export interface Executed {
  readonly address: number;
  readonly word: number;
  /** Number of the layer before it, from 0; L behind the last one. */
  readonly layer: number;
  /** Valid until the next instruction. */
  readonly changes: readonly Change[];
}

/** A product that a program may not count on. */
interface Product {
  readonly target: VectorName;
  readonly input: VectorName;
  isDone: boolean;
  readonly run: () => void;
}

/** Products that are not finished: one streams, one waits. */
const MOST_PRODUCTS = 2;

/** One model with one state, run by a program. */
export class Simulator {
  readonly shape: ModelShape;
  /** V × int32, Q12, of the last step. */
  readonly logits: Int32Array;
  readonly #program: readonly number[];
  readonly #timing: ProductTiming;
  readonly #onInstruction: ((executed: Executed) => void) | undefined;
  readonly #memory: VectorMemory;
  readonly #unit: VectorUnit;
  readonly #scales = new Map<VectorName, OutputScale>();
  #products: Product[] = [];
  #changes: Change[] = [];
  #taps: number[] = [];
  #layer = 0;

  /** @param program words of 16 bits; anything may be in them */
  constructor(
    weights: WeightBytes,
    program: readonly number[],
    options: { readonly timing?: ProductTiming; readonly onInstruction?: (executed: Executed) => void } = {},
  ) {
    this.shape = weights.shape;
    this.logits = new Int32Array(weights.shape.vocabSize);
    this.#program = program;
    this.#timing = options.timing ?? 'at once';
    this.#onInstruction = options.onInstruction;
    this.#memory = new VectorMemory(weights.shape);
    this.#unit = new VectorUnit(weights, this.#memory);
  }

  /** [L][H], Q23: between tokens, whoever writes into it goes on from there. */
  get state(): Int32Array {
    return this.#unit.state;
  }

  /** Starts a new sequence: the state becomes zero. */
  reset(): void {
    this.#unit.state.fill(0);
  }

  /** CRC-32 of the logits of the last step. */
  receipt(): number {
    return crcOf(this.logits);
  }

  /** As {@link stepWithTaps}; logits are computed always. */
  step(token: number): void {
    this.stepWithTaps(token);
  }

  /**
   * Runs the program for one token; afterwards `logits` are those after it.
   *
   * @returns CRC-32 of the residual at each TAP
   * @throws ProgramError `program-fault`; RangeError if `token` is not an id of the vocabulary
   */
  stepWithTaps(token: number): readonly number[] {
    const { vocabSize } = this.shape;
    if (!Number.isInteger(token) || token < 0 || token >= vocabSize) {
      throw new RangeError(`token ${token} is not an id of the vocabulary (0 … ${vocabSize - 1})`);
    }
    this.#memory.clear();
    this.#unit.begin();
    this.#unit.base = 0;
    this.#scales.clear();
    this.#products = [];
    this.#taps = [];
    this.#layer = 0;
    let address = 0;
    try {
      for (let next: number | undefined = 0; next !== undefined;) {
        address = next;
        next = this.#executeWord(address, token);
      }
      if (!this.#unit.isStreamAtEnd) throw new MemoryFault('the token ends before the stream of matrices does');
      this.logits.set(this.#memory.read('logits', vocabSize));
    } catch (error) {
      throw error instanceof MemoryFault ? programFault(address, error.message) : error;
    }
    return this.#taps;
  }

  /** @returns the address of the next word; undefined when the token is finished */
  #executeWord(address: number, token: number): number | undefined {
    const word = address < this.#program.length ? this.#program[address] : 0;
    const instruction = decodeInstruction(word);
    if (!instruction && word >> 12 < OPERATIONS.length) throw new MemoryFault('the word is no instruction');
    const { operation, wait, operands } = instruction ?? { operation: 'HALT', wait: 0, operands: [] };
    this.#changes = [];
    const layer = this.#layer;
    this.#finish(operation === 'HALT' ? 0 : wait);
    this.#execute({ operation, wait, operands }, token);
    this.#onInstruction?.({ address, word, layer, changes: this.#changes });
    if (operation === 'HALT') return undefined;
    return operation === 'LAYER' && this.#layer < this.shape.layers ? operands[0] : address + 1;
  }

  #execute({ operation, operands }: Instruction, token: number): void {
    const unit = this.#unit;
    const { hiddenSize, intermediateSize } = this.shape;
    switch (operation) {
      case 'HALT':
        break;
      case 'EMBED':
        this.#layer = 0;
        unit.base = unit.layerBase(0);
        unit.embed(token);
        this.#vectorChanged('x', hiddenSize);
        break;
      case 'SCALE':
        unit.scale(operands[0]);
        this.#vectorChanged('v', hiddenSize);
        break;
      case 'NORM':
        this.#normalise(operands);
        break;
      case 'QUANT':
        this.#quantise(operands);
        break;
      case 'MATMUL':
        this.#multiply(operands);
        break;
      case 'GATE':
        this.#changed('h', unit.gate(this.#layer));
        this.#vectorChanged('v', hiddenSize);
        break;
      case 'MIX':
        this.#changed('G', [unit.mix()]);
        this.#vectorChanged('v', hiddenSize);
        break;
      case 'GLU':
        this.#followProduct();
        unit.glu();
        this.#vectorChanged('v', intermediateSize);
        break;
      case 'TAP':
        this.#taps.push(crcOf(this.#memory.read('x', hiddenSize)));
        this.#changed('tap', this.#taps.slice(-1));
        break;
      case 'LAYER':
        this.#layer += 1;
        unit.base = unit.layerBase(this.#layer);
        break;
      case 'HEAD':
        unit.base = 0;
        break;
    }
  }

  #normalise([lengthCode, epsilon]: readonly number[]): void {
    const length = this.#length(lengthCode);
    const { e, sumOfSquares, s, rho } = this.#unit.normalise(length, EPSILONS[epsilon]);
    this.#vectorChanged('n', length);
    this.#changed('e', [e]);
    this.#changed('S', [sumOfSquares]);
    if (sumOfSquares === 0) return;
    this.#changed('s', [s]);
    this.#changed('rho', [rho]);
  }

  #quantise([q, gain, constant, lengthCode]: readonly number[]): void {
    const target = q === 0 ? 'q0' : 'q1';
    const length = this.#length(lengthCode);
    const scale = this.#unit.quantise(target, gain, constant, length);
    this.#scales.set(target, scale);
    this.#changed(`zero${q}`, [scale.isZero ? 1 : 0]);
    if (scale.isZero) return;
    this.#vectorChanged(target, length);
    this.#changed(`c${q}`, [scale.c]);
    this.#changed(`shift${q}`, [scale.shift]);
  }

  #multiply([targetCode, q, lengthCode]: readonly number[]): void {
    const { hiddenSize, intermediateSize, vocabSize } = this.shape;
    const target = TARGETS[targetCode];
    const input = q === 0 ? 'q0' : 'q1';
    const rows = target === 'logits' ? vocabSize : target === 'u' ? 2 * intermediateSize : hiddenSize;
    const columns = this.#length(lengthCode);
    this.#finish(MOST_PRODUCTS - 1);
    this.#memory.read(input, columns);
    const scale = this.#scales.get(input);
    if (scale === undefined) throw new MemoryFault(`${input} was not quantised`);
    const bytes = this.#unit.nextMatrix(rows, columns);
    const run = (): void => {
      this.#unit.multiply(target, input, rows, columns, scale, bytes());
      this.#vectorChanged(target, rows);
    };
    if (target === 'x') this.#memory.read('x', rows);
    if (this.#timing === 'at once') {
      run();
    } else {
      this.#products.push({ target, input, isDone: false, run });
      this.#lock();
    }
  }

  /** Ends products until at most so many are left. */
  #finish(most: number): void {
    while (this.#products.length > most) {
      const [product] = this.#products.splice(0, 1);
      this.#run(product);
    }
    this.#lock();
  }

  /** GLU: its elements wait for the rows of the only product under way, if that writes u. */
  #followProduct(): void {
    const [product] = this.#products;
    if (product === undefined) return;
    if (product.target !== 'u' || this.#products.length > 1) {
      throw new MemoryFault('GLU follows a product that does not write u');
    }
    this.#run(product);
    this.#lock();
  }

  #run(product: Product): void {
    this.#memory.unlock();
    if (!product.isDone) product.run();
    product.isDone = true;
  }

  #lock(): void {
    this.#memory.unlock();
    for (const { isDone, target, input } of this.#products) this.#memory.lock(isDone ? [] : [target], [target, input]);
  }

  #length(code: number): number {
    return code === 0 ? this.shape.hiddenSize : this.shape.intermediateSize;
  }

  #vectorChanged(name: VectorName, length: number): void {
    this.#changed(name, this.#memory.read(name, length));
  }

  #changed(name: string, values: ArrayLike<number>): void {
    this.#changes.push({ name, values });
  }
}

/** CRC-32 of numbers as little-endian int32. */
function crcOf(values: Int32Array): number {
  return crc32(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}
