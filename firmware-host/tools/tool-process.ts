/** Programs of the system that do work for this one: whether they are there, and how they end. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { removeAtExit } from '../../model/files/leftovers.js';

/** Those that are not where the system looks for programs. */
export function missingOf<Name extends string>(programs: readonly Name[], env = process.env): readonly Name[] {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return programs.filter((program) => !folders.some((folder) => isProgram(join(folder, program))));
}

function isProgram(path: string): boolean {
  return (process.platform === 'win32' ? [path, `${path}.exe`] : [path]).some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Waits for a program with a process group of its own. An abort, and the end of this process, end the whole group: make
 * tells the programs that it has started, but not those that they have, and a compiler so left alone goes on.
 *
 * @returns its exit code, or the signal that killed it
 * @throws AbortError, when the group is gone; the operating system's error
 */
export async function endOf(
  child: ChildProcess,
  signal: AbortSignal | undefined,
): Promise<[number | null, string | null]> {
  const end = (): void => endGroup(child);
  const isGone = removeAtExit(end);
  signal?.addEventListener('abort', end, { once: true });
  try {
    const ended = (await once(child, 'close')) as [number | null, string | null];
    signal?.throwIfAborted();
    return ended;
  } finally {
    signal?.removeEventListener('abort', end);
    isGone();
  }
}

function endGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  } catch {
    // All of it has ended, or the system has no process groups.
    child.kill();
  }
}

const MOST_LINES = 100;

/** The last lines of streams, whenever asked for. */
export function lastLines(...streams: readonly NodeJS.ReadableStream[]): () => readonly string[] {
  const lines: string[] = [];
  for (const stream of streams) {
    let open = '';
    stream.on('data', (bytes: Buffer) => {
      const pieces = (open + bytes.toString()).split('\n');
      open = (pieces.pop() ?? '').slice(-1000);
      lines.push(...pieces.map((line) => line.trim()).filter((line) => line !== ''));
      lines.splice(0, lines.length - MOST_LINES);
    });
    stream.on('end', () => {
      if (open.trim() !== '') lines.push(open.trim());
    });
  }
  return () => lines;
}
