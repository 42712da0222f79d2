/** The virtual boards that run on this computer (protocol/virtual-board-entry.ts). */

import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeAtExit } from '../../model/files/leftovers.js';
import { temporaryBeside } from '../../model/files/output-file.js';
import { entryText, MAX_ENTRY_BYTES, parseEntry, virtualBoardFolder } from '../../protocol/virtual-board-entry.js';
import type { VirtualBoardEntry } from '../../protocol/virtual-board-entry.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Entries whose process is alive, by serial number. */
export function listVirtualBoards(env: Environment = process.env): VirtualBoardEntry[] {
  const folder = entryFolder(env);
  return namesIn(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => readEntry(join(folder, name)) ?? [])
    .filter(({ pid }) => isAlive(pid))
    .toSorted((a, b) => (a.serial < b.serial ? -1 : 1));
}

/** Makes a virtual board of this process known. @returns what takes that back @throws the operating system's error */
export function announceVirtualBoard(entry: VirtualBoardEntry, env: Environment = process.env): () => void {
  const folder = entryFolder(env);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of namesIn(folder)) {
    // Left behind by a process that was killed; its number may come again.
    if (/^\d+\.json$/.test(name) && !isAlive(Number.parseInt(name, 10))) rmSync(join(folder, name), { force: true });
  }
  const path = join(folder, `${entry.pid}.json`);
  const remove = (): void => rmSync(path, { force: true });
  const isGone = removeAtExit(remove);
  const unfinished = temporaryBeside(path);
  writeFileSync(unfinished, entryText(entry), { mode: 0o600, flag: 'wx' });
  renameSync(unfinished, path);
  return () => {
    remove();
    isGone();
  };
}

function entryFolder(env: Environment): string {
  return virtualBoardFolder(env, join(tmpdir(), `mmfree-user-${ownUid()}`));
}

/** Of this user, who may have no name: in a container any number may be one. −1 on Windows, as Node has it there. */
function ownUid(): number {
  return process.getuid?.() ?? -1;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Only what this user wrote: in a folder that everyone shares, others could redirect us to boards of theirs. */
function readEntry(path: string): VirtualBoardEntry | undefined {
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
