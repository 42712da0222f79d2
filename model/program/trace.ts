/**
 * What a machine that runs a program must hold after each instruction, as text that a Verilog bench reads with
 * `$fscanf`.
 *
 * docs/GATEWARE.md, section 7. Every line is a record: a name, how many numbers follow (decimal), and the numbers
 * (hexadecimal, two's complement of 32 bits; `S` and `G` of 64).
 */
import type { ImageView } from '../../protocol/image/image-reader.js';
import type { WeightBytes } from '../integer/model-weights.js';
import { programOf } from './image-program.js';
import { Simulator } from './simulator.js';
import { hexOfWord } from '../../protocol/hex.js';

/** Lines of the trace of some tokens, fed to a state of zero. @throws ImageError `image-no-program` */
export function* traceLines(view: ImageView, weights: WeightBytes, tokens: Iterable<number>): Generator<string> {
  const { vocabSize, hiddenSize, intermediateSize, layers } = view.shape;
  const { vectors, embedding, ternary } = view.sections;
  const program = programOf(view);
  yield record('shape', [vocabSize, hiddenSize, intermediateSize, layers]);
  yield record('offsets', [vectors.offset, embedding.offset, ternary.offset]);
  yield record('program', program);
  yield record('sigma', new Uint16Array(weights.tables.slice(0, 512).buffer));
  const lines: string[] = [];
  const simulator = new Simulator(weights, program, {
    onInstruction: ({ address, word, layer, changes }) => {
      lines.push(record('op', [address, word, layer]));
      for (const { name, values } of changes) lines.push(record(name, values));
    },
  });
  let position = 0;
  for (const token of tokens) {
    lines.push(record('token', [position, token]));
    simulator.step(token);
    position += 1;
    yield* lines.splice(0);
    yield record('receipt', [simulator.receipt()]);
  }
  yield record('end', []);
}

function record(name: string, values: ArrayLike<number>): string {
  return [
    name,
    values.length,
    ...Array.from(values, (value) => (name === 'S' || name === 'G' ? hex64(value) : hexOfWord(value))),
  ].join(' ');
}

/** Of 0 ≤ value < 2⁵³. */
function hex64(value: number): string {
  return value.toString(16).padStart(16, '0');
}
