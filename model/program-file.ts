/** Modules that something starts with: the program, and its threads. */
import { statSync } from 'node:fs';
import { packageFile } from './package-file.js';

/** What each compilation writes, and what comes with no package. */
const COMPILATION = 'dist/test.tsbuildinfo';

/**
 * Path of a module in one piece with what it needs, as scripts/build-program.mjs makes it. Where only the compiler was
 * at work since, that of the module.
 *
 * @param name relative to dist/
 */
export function programFile(name: string): string {
  const whole = packageFile(`dist/program/${name}`);
  const wholeMs = modifiedMs(whole);
  return wholeMs > 0 && wholeMs >= modifiedMs(packageFile(COMPILATION)) ? whole : packageFile(`dist/${name}`);
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
