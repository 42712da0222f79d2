/** The virtual boards that run on this computer (protocol/virtual-board-entry.ts). */

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_ENTRY_BYTES, parseEntry, virtualBoardFolder } from '../../protocol/virtual-board-entry.js';
import type { VirtualBoardEntry } from '../../protocol/virtual-board-entry.js';
import { processMark, processNamespace } from './process-mark.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Entries whose process is alive, by serial number. */
export function listVirtualBoards(env: Environment = process.env): VirtualBoardEntry[] {
  const folder = entryFolder(env);
  return namesIn(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => readEntry(join(folder, name)) ?? [])
    .filter((entry) => fateOf(entry) === 'alive')
    .map(({ pid, serial, addresses }) => ({ pid, serial, addresses }))
    .toSorted((a, b) => (a.serial < b.serial ? -1 : 1));
}

export function entryFolder(env: Environment): string {
  return virtualBoardFolder(env, join(tmpdir(), `mmfree-user-${ownUid()}`));
}

/** Of this user, who may have no name: in a container any number may be one. −1 on Windows, as Node has it there. */
function ownUid(): number {
  return process.getuid?.() ?? -1;
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Only what this user wrote: in a folder that everyone shares, others could redirect us to boards of theirs. */
export function readEntry(path: string): VirtualBoardEntry | undefined {
  let descriptor: number;
  try {
    // Without waiting: it may be a pipe.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const uid = ownUid();
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > MAX_ENTRY_BYTES || (uid >= 0 && stats.uid !== uid)) return undefined;
    const bytes = Buffer.alloc(MAX_ENTRY_BYTES);
    return parseEntry(bytes.toString('utf8', 0, readSync(descriptor, bytes)));
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * What became of the process of an entry. That of another container, with which this one shares the folder, is
 * `elsewhere`: its number means nothing here, nor do its addresses.
 */
export function fateOf({ pid, mark }: VirtualBoardEntry): 'alive' | 'ended' | 'elsewhere' {
  const namespace = processNamespace();
  if (mark === undefined || namespace === undefined) return isAlive(pid) ? 'alive' : 'ended';
  if (mark.namespace !== namespace) return 'elsewhere';
  return processMark(pid)?.started === mark.started ? 'alive' : 'ended';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
