/**
 * Files that commands write: whole under their name or not there at all, and never one of the files that are read.
 *
 * An output is written under a name of its own beside the target, which nobody else has (made exclusively, so no link
 * is followed), and takes the target's place when it is whole. A link at the target stays; what it points to is
 * replaced.
 */

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { outputIsInput, outputNotAFile } from './file-error.js';
import { kindOf } from './input-file.js';
import { removeAtExit } from './leftovers.js';
import { writeFully } from './write-fully.js';

export interface OutputOptions {
  /** Paths of what is read, which no output may be, through links neither. */
  readonly inputs?: readonly string[];
  /** Rights of the new file, before the umask; those of any file unless given. */
  readonly mode?: number;
}

/**
 * Whether all outputs can be written without harm to an input. For those who write several: before the first one.
 *
 * @throws FileError `output-is-input`, `output-not-a-file`
 */
export async function checkOutputs(outputs: readonly string[], inputs: readonly string[]): Promise<void> {
  for (const output of outputs) await targetOf(output, inputs);
}

/** Writes a whole file. @param content all of it, or pieces in order @throws FileError; the operating system's error */
export async function writeOutput(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array>,
  options: OutputOptions = {},
): Promise<void> {
  const output = await OutputFile.create(path, options);
  try {
    const pieces = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
    for (const piece of pieces) await output.append(piece);
    await output.commit();
  } catch (error) {
    // What cannot be taken away now is at the end: this error is the one that counts.
    await output.discard().catch(() => {});
    throw error;
  }
}

/** Of an open file the system does not know the name, and nobody else the one that it has until it is whole. */
function naming(path: string, error: unknown): unknown {
  return error instanceof Error && 'syscall' in error ? Object.assign(error, { path }) : error;
}

/** An output that is not finished. It ends with `commit` or `discard`. */
export class OutputFile {
  /** For reading and writing. */
  readonly handle: FileHandle;
  /** Where it is until it is finished. */
  readonly temporaryPath: string;
  readonly #path: string;
  readonly #inputs: readonly string[];
  readonly #isSettled: () => void;

  private constructor(
    handle: FileHandle,
    temporaryPath: string,
    isSettled: () => void,
    path: string,
    inputs: readonly string[],
  ) {
    this.handle = handle;
    this.temporaryPath = temporaryPath;
    this.#isSettled = isSettled;
    this.#path = path;
    this.#inputs = inputs;
  }

  /** @throws FileError `output-is-input`, `output-not-a-file`; the operating system's error */
  static async create(path: string, { inputs = [], mode = 0o666 }: OutputOptions = {}): Promise<OutputFile> {
    const temporaryPath = temporaryBeside(await targetOf(path, inputs));
    // Before it is there, because the process may end as soon as it is.
    const isSettled = removeAtExit(() => rmSync(temporaryPath, { force: true }));
    try {
      // Made at once: what is under way when the process ends would make it after it was taken away.
      closeSync(openSync(temporaryPath, 'wx', mode));
      return new OutputFile(await open(temporaryPath, 'r+'), temporaryPath, isSettled, path, inputs);
    } catch (error) {
      rmSync(temporaryPath, { force: true });
      isSettled();
      throw naming(path, error);
    }
  }

  /** Behind what is there. @throws the operating system's error */
  async append(content: string | Uint8Array): Promise<void> {
    await this.handle.writeFile(content).catch((error: unknown) => {
      throw naming(this.#path, error);
    });
  }

  /** @throws the operating system's error */
  async write(bytes: Uint8Array, offset: number): Promise<void> {
    await writeFully(this.handle, bytes, offset).catch((error: unknown) => {
      throw naming(this.#path, error);
    });
  }

  /**
   * Gives the file its name, when all of it is on the disk.
   *
   * @throws FileError if the target has become an input meanwhile; the operating system's error. Then `discard` it.
   */
  async commit(): Promise<void> {
    try {
      await this.handle.sync();
      await this.handle.close();
      await rename(this.temporaryPath, await targetOf(this.#path, this.#inputs));
    } catch (error) {
      throw naming(this.#path, error);
    }
    this.#isSettled();
  }

  /** Takes away what was written. */
  async discard(): Promise<void> {
    // It may be closed already.
    await this.handle.close().catch(() => {});
    await rm(this.temporaryPath, { force: true });
    this.#isSettled();
  }
}

/**
 * A path in the same folder that nothing else has. Not made of the target's name, which may be as long as names can be.
 */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.mmfree-${randomBytes(8).toString('hex')}`);
}

/** Where an output goes: its path, or what a link there points to. */
async function targetOf(path: string, inputs: readonly string[]): Promise<string> {
  const existing = await identityOf(path);
  if (existing === undefined) return path;
  for (const input of inputs) {
    const { dev, ino } = (await identityOf(input)) ?? {};
    if (dev === existing.dev && ino === existing.ino) throw outputIsInput(path, input);
  }
  if (!existing.isFile()) throw outputNotAFile(path, kindOf(existing));
  return await realpath(path);
}

/** What is at a path, behind links; undefined if nothing is, or nobody may know. */
async function identityOf(path: string) {
  return await stat(path, { bigint: true }).catch(() => undefined);
}
