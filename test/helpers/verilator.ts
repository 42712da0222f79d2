/** Verilator, where it is installed: tests of the gateware are skipped without it, and say so. */

import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Another copy is tested by bench/mutate.mjs. */
const GATEWARE = process.env['MMFREE_GATEWARE'] ?? fileURLToPath(new URL('../../gateware', import.meta.url));

export const HAS_VERILATOR = spawnSync('verilator', ['--version']).status === 0;

if (!HAS_VERILATOR) console.warn('SKIPPED: tests of the gateware, because verilator is not installed.');

/** Folders that a program is made of. */
const SOURCES = ['rtl', 'sim'];

/**
 * Compiles gateware/sim/NAME.v with NAME.cpp, any warning being an error; once for each state of the sources, because
 * it takes as long as many tests.
 *
 * @returns the path of the program
 */
export async function verilate(name: string): Promise<string> {
  const sim = join(GATEWARE, 'sim');
  const sources = ['-y', join(GATEWARE, 'rtl'), join(sim, `${name}.v`), join(sim, `${name}.cpp`)];
  const options = ['--cc', '--exe', '--build', '-O3', '-Wall', '-CFLAGS', '-O2', '--top-module', name];
  const build = join(GATEWARE, 'build');
  const program = join(build, `${name}-${await sourceHash(options)}`);
  if (existsSync(program)) return program;
  // Aside: whoever compiles the same meanwhile finds it whole or not at all.
  await mkdir(build, { recursive: true });
  const unfinished = await mkdtemp(`${program}.`);
  try {
    await promisify(execFile)('verilator', [...options, '--Mdir', unfinished, '-o', name, ...sources]);
    await rename(join(unfinished, name), program);
  } finally {
    await rm(unfinished, { recursive: true });
  }
  return program;
}

async function sourceHash(options: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(options));
  for (const folder of SOURCES) {
    for (const name of (await readdir(join(GATEWARE, folder))).toSorted()) {
      hash.update(`${folder}/${name}\0`).update(await readFile(join(GATEWARE, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
