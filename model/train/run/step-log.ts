/**
 * `train.jsonl`: a line a step. It is for people and the picture of the loss: a run goes on without it, as a power cut
 * may take its end, which is on the disk later than it was told.
 */
import { join } from 'node:path';
import { readRegular } from '../../files/input-file.js';
import { isSystemError } from '../../files/system-error.js';
import { isJsonObject } from '../../json-object.js';

export const STEP_LOG = 'train.jsonl';
/** Of a text in memory; four million steps. */
const MAX_BYTES = 2 ** 29 - 25;

/** What the picture takes of a line. */
export interface LoggedStep {
  /** Counted from 1. */
  readonly step: number;
  /** Finite. */
  readonly loss: number;
}

/** Undefined for what is no line of a step. */
export function loggedStep(line: string): LoggedStep | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!isJsonObject(value)) return undefined;
    const { step, loss } = value;
    if (!Number.isInteger(step) || Number(step) < 1 || !Number.isFinite(loss)) return undefined;
    return { step: Number(step), loss: Number(loss) };
  } catch {
    return undefined;
  }
}

/**
 * The lines up to a step that can be read, in the order of the steps: what a killed run wrote behind its last state is
 * made again.
 *
 * @throws FileError if something else than a file is there; the operating system's error
 */
export async function linesUpTo(folder: string, step: number): Promise<string[]> {
  // A run that was killed behind its first state may have no such file yet.
  if (step === 0) return [];
  let last = 0;
  return (await textOf(join(folder, STEP_LOG))).split('\n').filter((line) => {
    const logged = loggedStep(line)?.step ?? 0;
    if (logged <= last || logged > step) return false;
    last = logged;
    return true;
  });
}

async function textOf(path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readRegular(path, { limitBytes: MAX_BYTES }));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
}
