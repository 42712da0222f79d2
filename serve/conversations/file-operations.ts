/**
 * What a store does with the disk, one system call each, so that a test can record it and cut the power between any
 * two.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file that is being written. */
export interface WritableFile {
  write(bytes: Uint8Array): Promise<void>;
  /** What was written is on the disk then (fsync(2)). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FoundFile {
  readonly name: string;
  readonly bytes: number;
  /** Of the last change, since 1970. */
  readonly changedMs: number;
}

export interface FileOperations {
  /** With those above it; they are there to stay then. */
  makeFolder(path: string): Promise<void>;
  /** Regular files only. */
  list(folder: string): Promise<FoundFile[]>;
  read(path: string): Promise<Uint8Array>;
  /** A file of which nothing is there yet, readable for its owner only. */
  create(path: string): Promise<WritableFile>;
  /** Replaces what is there. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Names that were given and taken away in a folder are so on the disk then. */
  syncFolder(path: string): Promise<void>;
}

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

export const DISK: FileOperations = {
  async makeFolder(path) {
    const first = await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  },
  async list(folder) {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return await Promise.all(
      files.map(async ({ name }) => {
        const { size, mtimeMs } = await stat(join(folder, name));
        return { name, bytes: size, changedMs: mtimeMs };
      }),
    );
  },
  read: async (path) => await readFile(path),
  async create(path) {
    const handle = await open(path, 'wx', PRIVATE_FILE);
    return {
      write: async (bytes) => await handle.writeFile(bytes),
      sync: async () => await handle.sync(),
      close: async () => await handle.close(),
    };
  },
  rename,
  remove: async (path) => await rm(path),
  syncFolder,
};

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
