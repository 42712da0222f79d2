/** A virtual board makes itself known on this computer (protocol/virtual-board-entry.ts). */

import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeAtExit } from '../../model/files/leftovers.js';
import { temporaryBeside } from '../../model/files/output-file.js';
import { entryText } from '../../protocol/virtual-board-entry.js';
import type { VirtualBoardEntry } from '../../protocol/virtual-board-entry.js';
import { processMark } from './process-mark.js';
import { entryFolder, fateOf, namesIn, readEntry, type Environment } from './virtual-boards.js';

/** Makes a virtual board of this process known. @returns what takes that back @throws the operating system's error */
export function announceVirtualBoard(entry: VirtualBoardEntry, env: Environment = process.env): () => void {
  const folder = entryFolder(env);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of namesIn(folder)) {
    if (!/^\d+-[0-9a-f]+\.json$/.test(name)) continue;
    const left = readEntry(join(folder, name));
    // Left behind by a process that was killed.
    if (left !== undefined && fateOf(left) === 'ended') rmSync(join(folder, name), { force: true });
  }
  const path = join(folder, `${entry.pid}-${randomBytes(4).toString('hex')}.json`);
  const remove = (): void => rmSync(path, { force: true });
  const isGone = removeAtExit(remove);
  const unfinished = temporaryBeside(path);
  const mark = processMark(entry.pid);
  writeFileSync(unfinished, entryText(mark === undefined ? entry : { ...entry, mark }), { mode: 0o600, flag: 'wx' });
  renameSync(unfinished, path);
  return () => {
    remove();
    isGone();
  };
}
