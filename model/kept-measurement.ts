/**
 * What was measured once on a computer, in the user's cache folder: while what it depends on stays the same, it is not
 * measured again. Node only; a browser would keep it elsewhere.
 */
import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache-folder.js';
import { openRegular } from './files/input-file.js';

type Environment = Readonly<Record<string, string | undefined>>;

const MOST_BYTES = 4096;

export class KeptMeasurement<T> {
  readonly path: string;
  readonly #key: string;
  readonly #parse: (fields: Readonly<Record<string, unknown>>) => T | undefined;

  /**
   * @param name of what is measured
   * @param key what it depends on
   * @param parse what is kept, if it may be used: files are untrusted
   * @param env of the process
   */
  constructor(
    name: string,
    key: readonly unknown[],
    parse: (fields: Readonly<Record<string, unknown>>) => T | undefined,
    env: Environment = process.env,
  ) {
    this.#key = JSON.stringify(key);
    this.#parse = parse;
    const hash = createHash('sha256').update(this.#key).digest('hex').slice(0, 16);
    this.path = join(cacheFolder(env), `${name}-${hash}.json`);
  }

  /**
   * What was kept; undefined if there is nothing, or what is there is nothing of the kind.
   *
   * Not in Node's pool of threads: whoever uses that first waits until all of them have had a core, 7 to 25 ms beside
   * two busy ones, and a machine's start waits for this.
   */
  read(): T | undefined {
    try {
      const file: unknown = JSON.parse(this.#text());
      if (typeof file !== 'object' || file === null || !('key' in file && 'value' in file)) return undefined;
      if (file.key !== this.#key || typeof file.value !== 'object' || file.value === null) return undefined;
      return this.#parse(file.value as Readonly<Record<string, unknown>>);
    } catch {
      // Missing, unreadable or no JSON: it is measured again, and written again.
      return undefined;
    }
  }

  /** Nothing, which is no JSON, of a longer file. */
  #text(): string {
    const bytes = Buffer.alloc(MOST_BYTES + 1);
    const descriptor = openRegular(this.path);
    try {
      const length = readSync(descriptor, bytes);
      return length > MOST_BYTES ? '' : bytes.toString('utf8', 0, length);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Keeps it; whoever reads meanwhile finds a whole file. @throws the system's error */
  async write(value: T): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    const temporary = `${this.path}.${process.pid}`;
    await writeFile(temporary, `${JSON.stringify({ key: this.#key, value })}\n`);
    await rename(temporary, this.path);
  }

  async forget(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
