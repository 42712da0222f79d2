/**
 * A disk whose operations are recorded, and what is left of them when the power goes: whole or in part, as a file
 * system may.
 */
import { basename } from 'node:path';
import {
  DISK,
  type FileOperations,
  type FoundFile,
  type WritableFile,
} from '../../serve/conversations/file-operations.js';

type Operation =
  | { readonly do: 'create' | 'remove' | 'sync'; readonly name: string }
  | { readonly do: 'write'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly do: 'rename'; readonly name: string; readonly to: string }
  | { readonly do: 'syncFolder' };

/** How much of what was not flushed is there after a power cut. */
export const LEFTOVERS = ['all', 'nothing', 'names', 'torn'] as const;
export type Leftovers = (typeof LEFTOVERS)[number];

/** Everything is done in one folder. */
export class RecordedDisk implements FileOperations {
  readonly operations: Operation[] = [];

  makeFolder = async (path: string): Promise<void> => await DISK.makeFolder(path);
  list = async (folder: string): Promise<FoundFile[]> => await DISK.list(folder);
  read = async (path: string): Promise<Uint8Array> => await DISK.read(path);

  async create(path: string): Promise<WritableFile> {
    const file = await DISK.create(path);
    const name = basename(path);
    this.operations.push({ do: 'create', name });
    return {
      write: async (bytes: Uint8Array): Promise<void> => {
        await file.write(bytes);
        this.operations.push({ do: 'write', name, bytes: Uint8Array.from(bytes) });
      },
      sync: async (): Promise<void> => {
        await file.sync();
        this.operations.push({ do: 'sync', name });
      },
      close: async (): Promise<void> => await file.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    await DISK.rename(from, to);
    this.operations.push({ do: 'rename', name: basename(from), to: basename(to) });
  }

  async remove(path: string): Promise<void> {
    await DISK.remove(path);
    this.operations.push({ do: 'remove', name: basename(path) });
  }

  async syncFolder(path: string): Promise<void> {
    await DISK.syncFolder(path);
    this.operations.push({ do: 'syncFolder' });
  }
}

const NOTHING = new Uint8Array(0);

/** What a file holds, in memory and on the disk. */
interface Content {
  written: Uint8Array;
  flushed: Uint8Array;
}

/** A disk as it is when the power went behind these operations, in memory. */
export function afterPowerCut(operations: readonly Operation[], left: Leftovers): FileOperations {
  const names = new Map<string, Content>();
  let flushedNames = new Map<string, Content>();
  for (const operation of operations) {
    if (operation.do === 'syncFolder') {
      flushedNames = new Map(names);
      continue;
    }
    const content = names.get(operation.name) ?? { written: NOTHING, flushed: NOTHING };
    if (operation.do === 'create') names.set(operation.name, content);
    if (operation.do === 'write') content.written = operation.bytes;
    if (operation.do === 'sync') content.flushed = content.written;
    if (operation.do === 'rename' || operation.do === 'remove') names.delete(operation.name);
    if (operation.do === 'rename') names.set(operation.to, content);
  }
  const files = new Map<string, Uint8Array>();
  for (const [name, { written, flushed }] of left === 'nothing' ? flushedNames : names) {
    const half = written.slice(0, written.length / 2);
    const unflushed = { all: written, nothing: flushed, names: flushed, torn: half }[left];
    files.set(name, flushed === written ? written : unflushed);
  }
  return memoryDisk(files);
}

/** One folder. */
function memoryDisk(files: Map<string, Uint8Array>): FileOperations {
  const contentOf = (path: string): Uint8Array => {
    const bytes = files.get(basename(path));
    if (bytes === undefined) throw new Error(`there is no ${path}`);
    return bytes;
  };
  return {
    makeFolder: async () => {},
    list: async () => [...files].map(([name, { length }]) => ({ name, bytes: length, changedMs: 0 })),
    read: async (path) => contentOf(path),
    create: async (path) => ({
      write: async (bytes) => void files.set(basename(path), bytes),
      sync: async () => {},
      close: async () => {},
    }),
    rename: async (from, to) => {
      files.set(basename(to), contentOf(from));
      files.delete(basename(from));
    },
    remove: async (path) => void files.delete(basename(path)),
    syncFolder: async () => {},
  };
}
