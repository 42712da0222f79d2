/**
 * `npm run test:long [-- <test files>]`: the tests of CI with the counts that are promised, for hours if need be.
 *
 * Without test files also all benches of the gateware and all scenarios of the USB lab, of which CI has some.
 *
 * What they find is written into docs/LONG-RUN.md, each row with the day and the commit that it was found at; rows of
 * tests that did not run stay as they are.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ensureBuilt, ensureInstalled, root, runNpm, runProgram, say } from './setup.mjs';
import { NODES_OF_LONG_RUN, otherNodes } from './other-nodes.mjs';
import { clients } from './clients.mjs';
import { softwareGpu } from './software-gpu.mjs';

const PAGE = join(root, 'docs/LONG-RUN.md');
const HEAD = `# The last long run

What \`npm run test:long\` found: the tests of CI with the counts that are promised. It writes this page itself.

| what | found | on | at commit |
|---|---|---|---|
`;

ensureInstalled();
ensureBuilt();
const folder = mkdtempSync(join(tmpdir(), 'mmfree-long-'));
const figures = join(folder, 'figures.jsonl');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
process.exitCode = runProgram(
  process.execPath,
  [vitest, 'run', '--test-timeout=36000000', '--hook-timeout=36000000', ...process.argv.slice(2)],
  {
    cwd: root,
    env: {
      ...process.env,
      ...softwareGpu(),
      ...otherNodes(NODES_OF_LONG_RUN),
      ...clients(),
      MMFREE_LONG: '1',
      MMFREE_FIGURES: figures,
    },
  },
);
if (existsSync(figures)) writePage(readFileSync(figures, 'utf8'));
rmSync(folder, { recursive: true });
if (process.argv.length === 2) {
  for (const script of ['test:gateware', 'test:usb']) {
    const status = runNpm(['run', '--silent', script, '--', '--if-possible']);
    process.exitCode ||= status;
  }
}

/** A failed run leaves no figures behind: the page shows what holds. */
function writePage(lines) {
  if (process.exitCode !== 0) return say('not written, because tests failed: docs/LONG-RUN.md');
  // But for the page itself, which the last run may have changed.
  const changes = git('status', '--porcelain', '-uno', '--', '.', `:!${relative(root, PAGE)}`);
  const commit = git('rev-parse', '--short=12', 'HEAD') + (changes === '' ? '' : ' and changes');
  const day = new Date().toISOString().slice(0, 10);
  const rows = new Map(existsSync(PAGE) ? rowsOf(readFileSync(PAGE, 'utf8')) : []);
  for (const line of lines.trim().split('\n')) {
    const { what, found } = JSON.parse(line);
    rows.set(what, `| ${what} | ${found} | ${day} | ${commit} |`);
  }
  writeFileSync(PAGE, HEAD + [...rows.values()].toSorted((a, b) => (a < b ? -1 : 1)).join('\n') + '\n');
  say('written: docs/LONG-RUN.md');
}

function rowsOf(page) {
  const rows = page.split('\n').filter((line) => /^\| (?!what )/.test(line));
  return rows.map((row) => [row.split('|')[1].trim(), row]);
}

function git(...args) {
  return spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim();
}
