/** What the scripts share that print figures for docs/PERFORMANCE.md: results of `mmfree bench` in, Markdown out. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { exitUnlessZero, root, say } from './setup.mjs';

export const SHAPES = ['9M', '370M', '1.3B', '2.7B'];

export const grouped = (value) => Math.round(value).toLocaleString('en-US');

export const print = (...lines) => process.stdout.write(`${lines.join('\n')}\n`);

/** A table's lines. */
export function rows(columns, lines) {
  return [columns, columns.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`);
}

/** Runs a command and gives its result. Exits if it fails. */
export function mmfree(...args) {
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), '--json', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const result = JSON.parse(stdout.trim().split('\n').at(-1));
  if (status !== 0) say(`failed: ${JSON.stringify(result.error)}`);
  exitUnlessZero(status ?? 1);
  return result;
}
