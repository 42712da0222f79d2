/**
 * The package as a user gets it: packed, published to a registry on this computer, installed by npm into a fresh
 * prefix.
 */

import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { startRegistry } from '../helpers/package-registry.js';

const run = promisify(execFile);

/** How a command of the installed program ended. */
export interface Ended {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Installation {
  /** Of the installed package. */
  readonly root: string;
  /** Of all that npm installed, in bytes. */
  readonly bytes: number;
  /**
   * Runs the installed command, as its user, in an empty folder.
   *
   * @param node the Node that runs it, this one unless given
   */
  readonly mmfree: (args: readonly string[], node?: string) => Promise<Ended>;
  /** Starts it, for what does not end by itself. */
  readonly start: (args: readonly string[], node: string) => ChildProcess;
  readonly remove: () => void;
}

/** `nobody`, where the tests run as root and it may run this Node; else who runs the tests. */
function ordinaryUser(): { readonly uid?: number; readonly gid?: number } {
  const nobody = { uid: 65_534, gid: 65_534 };
  if (process.getuid?.() !== 0) return {};
  return spawnSync(process.execPath, ['--version'], { ...nobody, cwd: '/' }).status === 0 ? nobody : {};
}

export async function install(): Promise<Installation> {
  const user = ordinaryUser();
  const folder = mkdtempSync(join(tmpdir(), 'mmfree-install-'));
  chmodSync(folder, 0o755);
  const [prefix, home] = ['prefix', 'home'].map((name) => {
    const path = join(folder, name);
    mkdirSync(path);
    if (user.uid !== undefined) chownSync(path, user.uid, user.gid ?? user.uid);
    return path;
  }) as [string, string];
  // What was built already: the build would take dist/ away from under other tests.
  const packed = await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder]);
  const registry = await startRegistry(join(folder, packed.stdout.trim()));
  const environment = (node: string): NodeJS.ProcessEnv => ({
    PATH: [dirname(node), process.env['PATH']].join(delimiter),
    HOME: home,
    npm_config_cache: join(home, '.npm'),
  });
  try {
    await run(
      'npm',
      ['install', '--global', '--prefix', prefix, '--registry', registry.url, '--no-audit', '--no-fund', 'mmfree'],
      { ...user, cwd: home, env: environment(process.execPath) },
    );
  } finally {
    registry.close();
  }
  const command = join(prefix, 'bin/mmfree');
  const start = (args: readonly string[], node: string): ChildProcess =>
    spawn(command, args, { ...user, cwd: home, env: environment(node), stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    root: join(prefix, 'lib/node_modules/mmfree'),
    bytes: sizeOf(prefix),
    start,
    mmfree: async (args, node = process.execPath) => await ended(start(args, node)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Waits for the end of a program whose outputs are pipes. */
export async function ended(child: ChildProcess): Promise<Ended> {
  const [stdout, stderr, exit] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? NaN))),
  ]);
  return { exit, stdout, stderr };
}

function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.reduce((bytes, { parentPath, name }) => bytes + statSync(join(parentPath, name)).size, 0);
}
