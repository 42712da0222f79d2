/** Programs of firmware/, compiled for this computer: their tests are skipped without a C compiler, and say so. */

import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STRICT = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Werror'];
const INCLUDES = ['docs/firmware', 'firmware/core'].map((folder) => `-I${join(ROOT, folder)}`);

export const HAS_C_COMPILER = spawnSync('cc', ['--version']).status === 0;

if (!HAS_C_COMPILER) console.warn('SKIPPED: tests of firmware/, because there is no C compiler (cc).');

/** Everything undefined ends the program. */
const CHECKED = ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** Compiles sources with the core, any warning being an error. @returns `program` */
export async function compileSources(
  sources: readonly string[],
  program: string,
  options: readonly string[] = CHECKED,
): Promise<string> {
  const core = readdirSync(join(ROOT, 'firmware/core')).filter((file) => file.endsWith('.c'));
  const files = [...core.map((file) => join(ROOT, 'firmware/core', file)), ...sources];
  await promisify(execFile)('cc', [...STRICT, ...INCLUDES, ...options, '-o', program, ...files]);
  return program;
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
