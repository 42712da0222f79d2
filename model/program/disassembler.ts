/** Words of a program → text that assembles to the same words. */
import { decodeInstruction, OPERANDS, type Instruction } from './instruction-set.js';

/** What a word is, for people: `QUANT 0, 1, 0, H`, `TAP wait 0`; a word that is no instruction is a `WORD`. */
export function disassembleWord(word: number, labels: ReadonlyMap<number, string> = new Map()): string {
  const instruction = decodeInstruction(word);
  if (!instruction) return `WORD 0x${hexWord(word)}`;
  const { operation, wait, operands } = instruction;
  const texts = OPERANDS[operation].map(({ name, names }, index) => {
    const value = operands[index];
    return (name === 'address' ? labels.get(value) : names?.[value]) ?? String(value);
  });
  const text = texts.length > 0 ? `${operation} ${texts.join(', ')}` : operation;
  return wait === 3 ? text : `${text.padEnd(18)} wait ${wait}`;
}

/**
 * Lines for {@link assemble}, each with its address, its word and what it works on as a comment. Addresses that a LAYER
 * goes on at get labels.
 *
 * @param words each 0 … 65,535
 */
export function disassemble(words: readonly number[]): string[] {
  const instructions = words.map(decodeInstruction);
  const targets = new Set(
    instructions.flatMap((instruction) => (instruction?.operation === 'LAYER' ? instruction.operands : [])),
  );
  const labels = new Map(words.flatMap((_, address) => (targets.has(address) ? [[address, `at${address}`]] : [])));
  let isHead = false;
  return words.map((word, address) => {
    const label = labels.get(address);
    const instruction = instructions[address];
    isHead ||= instruction?.operation === 'HEAD';
    const text = `${(label === undefined ? '' : `${label}:`).padEnd(7)} ${disassembleWord(word, labels)}`;
    const note = instruction ? noteOf(instruction, isHead) : 'no instruction';
    return `${text.padEnd(33)} ; ${String(address).padStart(2)}  ${hexWord(word)}  ${note}`.trimEnd();
  });
}

/** docs/IMAGE.md, section 4: vectors of a layer, in the order of use. */
const LAYER_GAINS = 'attnNorm iGain fGain gGain clb gNorm oGain mlpNorm gateGain downGain'.split(' ');
const HEAD_GAINS = ['finalNorm', 'headGain'];

function noteOf({ operation, operands }: Instruction, isHead: boolean): string {
  const field = OPERANDS[operation].findIndex(({ name }) => name === 'gain');
  const gains = isHead ? HEAD_GAINS : LAYER_GAINS;
  return field < 0 ? '' : (gains[operands[field]] ?? '');
}

/** Four digits. */
export function hexWord(word: number): string {
  return word.toString(16).padStart(4, '0');
}
