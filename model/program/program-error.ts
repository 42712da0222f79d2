/** Everything that can be wrong with a program of the gateware, in words. */
import { MmfreeError } from '../../protocol/errors.js';

export type ProgramErrorCode =
  /** A line that is no instruction. */
  | 'program-syntax'
  /** A program that would not compute a token, or not always the same one. */
  | 'program-refused'
  /** A program that went wrong while it ran. */
  | 'program-fault';

/** A program that cannot be used. */
export class ProgramError extends MmfreeError<ProgramErrorCode> {}

const SEE = 'docs/GATEWARE.md, section 4, lists the instructions.';

/**
 * @param line from 1
 * @param problem a whole clause, without the final period
 * @param fix one sentence
 */
export function programSyntax(line: number, problem: string, fix = `Correct the line; ${SEE}`): ProgramError {
  return new ProgramError('program-syntax', `line ${line} of the program: ${problem}`, {
    reason: 'It cannot be assembled.',
    fix,
    facts: { line },
  });
}

/**
 * @param address of the word, from 0
 * @param problem a whole clause, without the final period
 */
export function programRefused(address: number, problem: string): ProgramError {
  return new ProgramError('program-refused', `word ${address} of the program: ${problem}`, {
    reason: 'A machine that runs it would stop, wait forever, or compute with numbers that are not there yet.',
    fix: `Correct the program: ${SEE}`,
    facts: { address },
  });
}

/** @param problem a whole clause, without the final period */
export function programFault(address: number, problem: string): ProgramError {
  return new ProgramError('program-fault', `the program went wrong at word ${address}: ${problem}`, {
    reason: 'The check of programs should have refused it.',
    fix: 'Make the image again from its checkpoint.',
    facts: { address },
  });
}
