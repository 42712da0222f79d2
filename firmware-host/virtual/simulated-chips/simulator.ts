/** Simulators of whole chips: made once for each state of the sources, and kept in the user's cache folder. */

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeAtExit } from '../../../model/files/leftovers.js';
import { temporaryBeside } from '../../../model/files/output-file.js';
import { cacheFolder } from '../../../model/cache-folder.js';
import type { SimulatedChipName } from './simulated-chips.js';
import { GATEWARE_FOLDER, make } from './tools.js';

export interface SimulatorOptions {
  /** Whether it can write waveforms, which makes it slower. */
  readonly trace?: boolean;
  /** Is told before it is built, which takes a minute. */
  readonly onBuild?: () => void;
  readonly signal?: AbortSignal | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Folders that make up a simulator. */
const SOURCES = ['rtl', 'sim'];

/** The path of a simulator, which is built if it is not there. @throws GatewareError; AbortError; the system's error */
export async function simulatorOf(chip: SimulatedChipName, options: SimulatorOptions = {}): Promise<string> {
  const { trace = false, onBuild, signal, env = process.env } = options;
  const name = `${chip}${trace ? '-trace' : ''}-${sourceHash()}`;
  const folder = join(cacheFolder(env), 'gateware', name);
  const program = join(folder, 'mmf_sim');
  if (existsSync(program)) return program;
  onBuild?.();
  // Built aside: whoever builds the same meanwhile finds it whole or not at all.
  const unfinished = temporaryBeside(folder);
  const isGone = removeAtExit(() => rmSync(unfinished, { recursive: true, force: true }));
  await mkdir(dirname(folder), { recursive: true });
  try {
    const words = [`BOARD=${chip}`, `BUILD=${unfinished}`, `TRACE=${trace ? 1 : 0}`];
    await make({ work: 'building the simulator', tools: ['verilator', 'g++'], folder: 'sim', words, signal });
    // What is left over is read by nobody.
    for (const file of readdirSync(unfinished))
      if (file !== 'mmf_sim') await rm(join(unfinished, file), { recursive: true });
    await rename(unfinished, folder).catch((error: unknown) => {
      if (!existsSync(program)) throw error;
    });
    return program;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    isGone();
  }
}

/** Of everything that goes into a simulator. */
function sourceHash(): string {
  const hash = createHash('sha256');
  for (const folder of SOURCES) {
    for (const name of readdirSync(join(GATEWARE_FOLDER, folder)).toSorted()) {
      const path = join(GATEWARE_FOLDER, folder, name);
      if (statSync(path).isFile()) hash.update(`${folder}/${name}\0`).update(readFileSync(path));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
