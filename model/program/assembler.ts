/**
 * Text → words of a program.
 *
 *   layer:  TAP              wait 0     ; a comment
 *           SCALE 7
 *           LAYER layer
 *           WORD 0x0c00                 ; any word, as a number
 *
 * One instruction a line, operands as in docs/GATEWARE.md, section 4, separated by commas, then `wait 0` or `wait 1`
 * where it waits. A label stands for the address of the instruction that follows it. Upper and lower case differ.
 */
import { encodeInstruction, OPERANDS, OPERATIONS, valuesOf, type OperandField, type Wait } from './instruction-set.js';
import { programSyntax } from './program-error.js';
import { PROGRAM_WORDS } from '../../protocol/image/boot-record.js';

/** Lines of a text, or the assembler would be busy long before it finds that a program is too long. */
const MAX_TEXT = 65_536;

const LABEL = /^([A-Za-z_]\w*):\s*/;
const STATEMENT = /^([A-Za-z]+)(?:\s+(.*))?$/;
const WAIT = /\s*\bwait\s+(\S+)$/;
const NUMBER = /^(?:\d{1,5}|0x[0-9A-Fa-f]{1,4})$/;

/** An instruction with the line it stands on. */
interface Statement {
  readonly line: number;
  readonly text: string;
}

/** Words of 16 bits, at most {@link PROGRAM_WORDS}. @throws ProgramError `program-syntax`, with the line and a fix */
export function assemble(text: string): number[] {
  if (text.length > MAX_TEXT) throw programSyntax(1, `the text is longer than ${MAX_TEXT} characters`);
  const labels = new Map<string, number>();
  const statements: Statement[] = [];
  text.split(/\r?\n/).forEach((whole, index) => {
    const line = index + 1;
    let rest = whole.replace(/;.*$/, '').trim();
    for (let match = LABEL.exec(rest); match; match = LABEL.exec(rest)) {
      const label = match[1];
      if (labels.has(label)) {
        throw programSyntax(line, `the label ${label} is there already`, 'Give one of the two another name.');
      }
      labels.set(label, statements.length);
      rest = rest.slice(match[0].length);
    }
    if (rest === '') return;
    statements.push({ line, text: rest });
    if (statements.length > PROGRAM_WORDS) {
      throw programSyntax(line, `it is instruction ${PROGRAM_WORDS + 1}`, `Use at most ${PROGRAM_WORDS} instructions.`);
    }
  });
  return statements.map((statement) => assembleStatement(statement, labels));
}

function assembleStatement({ line, text }: Statement, labels: ReadonlyMap<string, number>): number {
  const wait = WAIT.exec(text)?.[1];
  const match = STATEMENT.exec(text.replace(WAIT, ''));
  const [, name = text, operandText = ''] = match ?? [];
  const texts = operandText === '' ? [] : operandText.split(',').map((operand) => operand.trim());
  if (name === 'WORD' && wait === undefined) return wordOf(line, texts);
  const operation = OPERATIONS.find((known) => known === name);
  if (operation === undefined) {
    throw programSyntax(line, `${quoted(name)} is no instruction`, `Use one of ${OPERATIONS.join(', ')} or WORD.`);
  }
  const fields = OPERANDS[operation];
  if (texts.length !== fields.length) {
    const expected = fields.map((field) => field.name).join(', ') || 'none';
    throw programSyntax(
      line,
      `${operation} has ${fields.length} operands, here are ${texts.length}`,
      `Give ${expected}.`,
    );
  }
  const operands = fields.map((field, index) => operandOf(line, field, texts[index], labels));
  return encodeInstruction({ operation, wait: waitOf(line, wait), operands });
}

function waitOf(line: number, text: string | undefined): Wait {
  if (text === undefined) return 3;
  if (text === '0' || text === '1') return text === '0' ? 0 : 1;
  throw programSyntax(line, `no instruction can wait ${quoted(text)}`, 'Write wait 0 or wait 1, or nothing.');
}

function operandOf(line: number, field: OperandField, text: string, labels: ReadonlyMap<string, number>): number {
  const { name, names } = field;
  const value = names?.indexOf(text) ?? (name === 'address' ? labels.get(text) : undefined) ?? numberOf(text);
  if (value >= 0 && value < valuesOf(field)) return value;
  const number = `a number from 0 to ${valuesOf(field) - 1}`;
  const expected = names
    ? `one of ${names.join(', ')}`
    : name === 'address'
      ? `a label of the program, or ${number}`
      : number;
  throw programSyntax(line, `${quoted(text)} is no ${name}`, `Use ${expected}.`);
}

function wordOf(line: number, texts: readonly string[]): number {
  const [text = ''] = texts;
  const value = numberOf(text);
  if (texts.length === 1 && value >= 0 && value < 2 ** 16) return value;
  throw programSyntax(line, 'WORD has one operand', 'Give a number from 0 to 0xffff.');
}

/** Decimal or hexadecimal; −1 if it is no number. */
function numberOf(text: string): number {
  return NUMBER.test(text) ? Number(text) : -1;
}

/** Text of somebody else's, short and printable. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 20 ? `${text.slice(0, 20)}…` : text);
}
