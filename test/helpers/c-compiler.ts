/** Programs of firmware/, compiled for this computer: their tests are skipped without a C compiler, and say so. */

import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STRICT = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Werror'];
const CORE = join(ROOT, 'firmware/core');
const HEADERS = [join(ROOT, 'docs/firmware'), CORE];
const INCLUDES = HEADERS.map((folder) => `-I${folder}`);
/** Cores that were compiled: with sanitizers one takes seconds, and many tests need it. */
const CACHE = join(ROOT, 'node_modules/.cache/mmfree/firmware-core');

const compiler = spawnSync('cc', ['--version'], { encoding: 'utf8' });
export const HAS_C_COMPILER = compiler.status === 0;

if (!HAS_C_COMPILER) console.warn('SKIPPED: tests of firmware/, because there is no C compiler (cc).');

/** Everything undefined ends the program. */
const CHECKED = ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** Compiles sources with the core, any warning being an error. @returns `program` */
export async function compileSources(
  sources: readonly string[],
  program: string,
  options: readonly string[] = CHECKED,
): Promise<string> {
  const objects = await compiledCore(options);
  await promisify(execFile)('cc', [...STRICT, ...INCLUDES, ...options, '-o', program, ...sources, ...objects]);
  return program;
}

/** The core's object files: those of an earlier test, if nothing has changed that they depend on. */
async function compiledCore(options: readonly string[]): Promise<string[]> {
  const pathsIn = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name));
  const files = HEADERS.flatMap(pathsIn).filter((file) => /\.[ch]$/.test(file));
  const hash = createHash('sha256').update(JSON.stringify([compiler.stdout, STRICT, options]));
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(file));
  const folder = join(CACHE, hash.digest('hex').slice(0, 16));
  if (!existsSync(folder)) {
    mkdirSync(CACHE, { recursive: true });
    const mine = mkdtempSync(`${folder}.`);
    const sources = files.filter((file) => file.startsWith(CORE) && file.endsWith('.c'));
    await promisify(execFile)('cc', [...STRICT, ...INCLUDES, ...options, '-c', ...sources], { cwd: mine });
    try {
      renameSync(mine, folder);
    } catch {
      // Another test was first.
      rmSync(mine, { recursive: true });
    }
  }
  return pathsIn(folder);
}

/** Compiles firmware/host/NAME.c with the core, checked. @returns the path of the program */
export async function compileFirmware(name: string, folder: string): Promise<string> {
  return compileSources([join(ROOT, 'firmware/host', `${name}.c`)], join(folder, name));
}

/** Numbers as such programs take them. */
export function bytesOf(words: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** Numbers that a program gives for an input. */
export function answersOf(program: string, input: readonly Uint8Array[]): number[] {
  const { status, stdout, stderr } = spawnSync(program, { input: Buffer.concat(input), maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr.toString()}`);
  return Array.from({ length: stdout.length / 4 }, (_, index) => stdout.readUInt32LE(4 * index));
}
