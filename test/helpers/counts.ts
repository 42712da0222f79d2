/** How much a test does: a share of it in CI, all that is promised in `npm run test:long`. Same code, larger counts. */

import { appendFileSync } from 'node:fs';
import { afterAll, afterEach } from 'vitest';

const { MMFREE_LONG, MMFREE_FIGURES } = process.env;

/** How often to repeat. */
export function count(inCi: number, inLongRun: number): number {
  return MMFREE_LONG === '1' ? inLongRun : inCi;
}

/** A figure that a test found, for the table of `npm run test:long` in docs/LONG-RUN.md. Nothing in other runs. */
export function figure(what: string, found: string): void {
  if (MMFREE_FIGURES !== undefined) appendFileSync(MMFREE_FIGURES, `${JSON.stringify({ what, found })}\n`);
}

/** How many tests a file has, as a figure: a run in which one failed leaves none. */
export function figureOfCases(what: string): void {
  let cases = 0;
  afterEach(() => void cases++);
  afterAll(() => figure(what, `${cases} cases`));
}
