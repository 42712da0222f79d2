/**
 * Whether a program computes a token on any machine that obeys docs/GATEWARE.md, section 4, whenever its products end.
 *
 * The program is run once through all layers without any numbers: what each vector holds (a length, or nothing), which
 * products may still be under way, and which matrix comes next. A machine takes no other way, because no instruction
 * looks at a number. Nothing is said about what the program computes: that shows in the receipts.
 */
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { decodeInstruction, EPSILONS, LENGTHS, TARGETS, type Instruction, type Operation } from './instruction-set.js';
import { programRefused } from './program-error.js';
import { sharedWith, type VectorName } from './vector-memory.js';

/**
 * Columns of a product, and the length of a vector, by name: H and I may be the same number, but not in the next model.
 */
type Length = (typeof LENGTHS)[number];
type Target = (typeof TARGETS)[number];

/** A matrix of the stream: the targets that have as many rows, and its columns. */
interface Matrix {
  readonly targets: readonly Target[];
  readonly columns: Length;
}

const SQUARE: Matrix = { targets: ['i', 'f', 'g', 'x'], columns: 'H' };
/** In the order of the section `ternary`. */
const LAYER_MATRICES: readonly Matrix[] = [
  SQUARE,
  SQUARE,
  SQUARE,
  SQUARE,
  { targets: ['u'], columns: 'H' },
  { targets: ['x'], columns: 'I' },
];
const HEAD_MATRIX: Matrix = { targets: ['logits'], columns: 'H' };

/** Gains with H numbers in a layer's block, and in that of the head; the one behind those of a layer has I. */
const LAYER_GAINS = 9;
const HEAD_GAINS = 2;

/**
 * Scales of products among the constants: pairs in a layer's block, up to here, and the only one in that of the head.
 */
const LAYER_SCALES_END = 12;
const HEAD_SCALE = 1;

const Q = ['q0', 'q1'] as const;

/** Products that are not finished: one streams, one waits. */
const MOST_PRODUCTS = 2;

/** A product that may be under way. */
interface Product {
  readonly target: Target;
  readonly input: VectorName;
}

/** What is wrong with a program. */
export interface ProgramProblem {
  readonly address: number;
  /** A whole clause, without the final period. */
  readonly problem: string;
}

/** @param words each 0 … 65,535 */
export function programProblem(
  words: readonly number[],
  { layers }: Pick<ModelShape, 'layers'>,
): ProgramProblem | undefined {
  const instructions = words.map(decodeInstruction);
  const unknown = instructions.indexOf(undefined);
  if (unknown >= 0) return { address: unknown, problem: 'it is no instruction' };
  const end = instructions.findIndex((instruction) => instruction?.operation === 'HALT');
  if (end < 0) {
    return {
      address: Math.max(words.length - 1, 0),
      problem: 'it is the last one and no HALT, without which no program ends',
    };
  }
  if (end !== words.length - 1) return { address: end, problem: 'HALT must be the last word, and no other' };
  if (words[end] === 0) return { address: end, problem: 'HALT must not wait for 0: a word of zeros is behind the end' };
  const run = new SymbolicRun(layers);
  for (let address = 0; address <= end; address = run.next) {
    const problem = run.execute(instructions[address]!, address);
    if (problem !== undefined) return { address, problem };
  }
  return undefined;
}

/** @throws ProgramError `program-refused` */
export function checkProgram(words: readonly number[], shape: Pick<ModelShape, 'layers'>): void {
  const found = programProblem(words, shape);
  if (found) throw programRefused(found.address, found.problem);
}

/** A run without numbers. Its methods return what is wrong, a whole clause, or undefined. */
class SymbolicRun {
  /** Address of the next instruction. */
  next = 0;
  readonly #layers: number;
  readonly #held = new Map<VectorName, Length>();
  readonly #products: Product[] = [];
  /** Where gains come from: nowhere before EMBED and between the last layer and HEAD. */
  #block: 'none' | 'layer' | 'head' = 'none';
  #layer = 0;
  #isEmbedded = false;
  #hasGSquares = false;
  #taps = 0;
  /** Matrices that were taken, of all layers and the head. */
  #matrices = 0;

  readonly #effects: Readonly<Record<Operation, (operands: readonly number[], address: number) => string | undefined>> =
    {
      HALT: () => this.#halt(),
      EMBED: () => this.#embed(),
      SCALE: ([gain]) => this.#read('x', 'H') ?? this.#gain(gain, 'H') ?? this.#write('v', 'H'),
      NORM: (operands) => this.#normalise(operands),
      QUANT: (operands) => this.#quantise(operands),
      MATMUL: (operands) => this.#multiply(operands),
      GATE: () => this.#inLayer() ?? this.#read('i', 'H') ?? this.#read('f', 'H') ?? this.#write('v', 'H'),
      MIX: () => this.#mix(),
      GLU: () => this.#followProduct() ?? this.#write('v', 'I'),
      TAP: () => this.#tap(),
      LAYER: ([target], address) => this.#nextLayer(target, address),
      HEAD: () => this.#head(),
    };

  constructor(layers: number) {
    this.#layers = layers;
  }

  execute({ operation, wait, operands }: Instruction, address: number): string | undefined {
    this.next = address + 1;
    this.#finish(wait);
    return this.#effects[operation](operands, address);
  }

  #embed(): string | undefined {
    // The row comes from the stream, before the matrices.
    if (this.#isEmbedded) return 'a token is embedded once';
    this.#isEmbedded = true;
    this.#block = 'layer';
    return this.#write('x', 'H');
  }

  #normalise([lengthCode, epsilon]: readonly number[]): string | undefined {
    const length = LENGTHS[lengthCode];
    if (EPSILONS[epsilon] === 'g' && !this.#hasGSquares) return 'the sum of g² of this layer is not there';
    return (
      (EPSILONS[epsilon] === 'g' ? this.#inLayer() : undefined) ?? this.#read('v', length) ?? this.#write('n', length)
    );
  }

  #quantise([q, gain, constant, lengthCode]: readonly number[]): string | undefined {
    const length = LENGTHS[lengthCode];
    const isScale =
      this.#block === 'head' ? constant === HEAD_SCALE : constant % 2 === 0 && constant < LAYER_SCALES_END;
    if (!isScale) return `at constant ${constant} is no scale of a product`;
    return this.#gain(gain, length) ?? this.#read('n', length) ?? this.#write(Q[q], length);
  }

  #multiply([targetCode, q, lengthCode]: readonly number[]): string | undefined {
    this.#finish(MOST_PRODUCTS - 1);
    const target = TARGETS[targetCode];
    const columns = LENGTHS[lengthCode];
    const ofLayers = this.#layers * LAYER_MATRICES.length;
    if (this.#matrices > ofLayers) return 'the stream has no more matrices';
    const matrix = this.#matrices === ofLayers ? HEAD_MATRIX : LAYER_MATRICES[this.#matrices % LAYER_MATRICES.length];
    if (!matrix.targets.includes(target) || matrix.columns !== columns) {
      return `the next matrix of the stream is one for ${matrix.targets.join(', ')} with ${matrix.columns} columns`;
    }
    this.#matrices += 1;
    const problem =
      this.#read(Q[q], columns) ??
      (target === 'x' ? this.#read('x', 'H') : undefined) ??
      (target === 'logits' ? undefined : this.#write(target, target === 'u' ? 'I' : 'H'));
    this.#products.push({ target, input: Q[q] });
    return problem;
  }

  #mix(): string | undefined {
    this.#hasGSquares = true;
    return this.#inLayer() ?? this.#read('g', 'H') ?? this.#read('v', 'H') ?? this.#write('v', 'H');
  }

  #tap(): string | undefined {
    this.#taps += 1;
    return this.#read('x', 'H');
  }

  /** GLU waits for rows of the product that streams, whichever that is. */
  #followProduct(): string | undefined {
    if (!this.#held.has('u')) return 'u holds nothing';
    const isFollowing = this.#products.every(({ target }) => target === 'u');
    return isFollowing ? undefined : 'GLU would follow a product that does not write u';
  }

  #nextLayer(target: number, address: number): string | undefined {
    if (target >= address) return 'LAYER must go back';
    if (this.#block !== 'layer') return 'there is no layer that it could end';
    this.#layer += 1;
    this.#hasGSquares = false;
    if (this.#layer < this.#layers) this.next = target;
    else this.#block = 'none';
    return undefined;
  }

  #head(): string | undefined {
    if (this.#layer < this.#layers) return 'HEAD comes before the last layer is through';
    this.#block = 'head';
    return undefined;
  }

  #halt(): string | undefined {
    if (this.#matrices !== this.#layers * LAYER_MATRICES.length + 1) return 'matrices of the stream are left';
    if (this.#taps !== this.#layers + 1) return `a token has ${this.#layers + 1} taps, not ${this.#taps}`;
    return undefined;
  }

  /** Products end in order, until at most so many are left. */
  #finish(most: number): void {
    this.#products.splice(0, Math.max(0, this.#products.length - most));
  }

  #inLayer(): string | undefined {
    return this.#block === 'layer' ? undefined : 'it belongs into a layer';
  }

  #gain(gain: number, length: Length): string | undefined {
    if (this.#block === 'none') return 'there is no layer, and HEAD was not there';
    const isHead = this.#block === 'head';
    const isThere = length === 'H' ? gain < (isHead ? HEAD_GAINS : LAYER_GAINS) : gain === LAYER_GAINS && !isHead;
    return isThere ? undefined : `there is no gain ${gain} of ${length} numbers`;
  }

  #read(vector: VectorName, length: Length): string | undefined {
    if (this.#products.some(({ target }) => target === vector))
      return `${vector} is read while a product may still write it`;
    return this.#held.get(vector) === length ? undefined : `${vector} does not hold ${length} numbers`;
  }

  #write(vector: VectorName, length: Length): string | undefined {
    const lost = sharedWith(vector);
    const isInUse = ({ target, input }: Product): boolean =>
      [vector, ...lost].some((written) => written === target || written === input);
    if (this.#products.some(isInUse)) return `${vector} is written while a product may still use it`;
    for (const other of lost) this.#held.delete(other);
    this.#held.set(vector, length);
    return undefined;
  }
}
