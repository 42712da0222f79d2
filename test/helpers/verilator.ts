/** Verilator, where it is installed: tests of the gateware are skipped without it, and say so. */

import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Another copy is tested by bench/mutate.mjs. */
const GATEWARE = process.env['MMFREE_GATEWARE'] ?? fileURLToPath(new URL('../../gateware', import.meta.url));

export const HAS_VERILATOR = spawnSync('verilator', ['--version']).status === 0;

if (!HAS_VERILATOR) console.warn('SKIPPED: tests of the gateware, because verilator is not installed.');

/** Compiles gateware/sim/NAME.v with NAME.cpp, any warning being an error. @returns the path of the program */
export async function verilate(name: string, folder: string): Promise<string> {
  const sim = join(GATEWARE, 'sim');
  const sources = ['-y', join(GATEWARE, 'rtl'), join(sim, `${name}.v`), join(sim, `${name}.cpp`)];
  const options = ['--cc', '--exe', '--build', '-O3', '-Wall', '-CFLAGS', '-O2', '--top-module', name];
  await promisify(execFile)('verilator', [...options, '--Mdir', folder, '-o', name, ...sources]);
  return join(folder, name);
}
