/**
 * A stock Debian kernel with its modules, downloaded and unpacked, never installed. The "cloud" kernels that virtual
 * machines often run have no USB at all.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { KERNELS } from './folders.js';
import { LabError } from './lab-error.js';
import { updateLists } from './packages.js';
import { say } from './say.js';

export interface Kernel {
  readonly version: string;
  /** The compressed kernel. */
  readonly image: string;
  /** The folder `/lib/modules/<version>` of it. */
  readonly modules: string;
}

/** The kernel of an earlier run, or else the newest that apt knows. @throws LabError */
export function provideKernel(): Kernel {
  mkdirSync(KERNELS, { recursive: true });
  const cached = readdirSync(KERNELS).find((name) => !name.endsWith('.tmp'));
  if (cached !== undefined && existsSync(kernelAt(cached).image)) return kernelAt(cached);

  const version = newestVersion();
  const folder = join(KERNELS, `${version}.tmp`);
  say(`download Linux ${version} (70 MB; unpacked beside the checkout's packages, not installed)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  // The sandbox user of apt may not write here.
  run(folder, 'apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', `linux-image-${version}`]);
  const [archive = ''] = readdirSync(folder);
  run(folder, 'dpkg-deb', ['--extract', archive, '.']);
  rmSync(join(folder, archive));
  run(folder, 'depmod', ['--basedir', '.', version]);
  renameSync(folder, join(KERNELS, version));
  return kernelAt(version);
}

function kernelAt(version: string): Kernel {
  const folder = join(KERNELS, version);
  return { version, image: join(folder, `boot/vmlinuz-${version}`), modules: join(folder, `lib/modules/${version}`) };
}

/** What the metapackage depends on. @throws LabError */
function newestVersion(): string {
  const find = (): string | undefined => {
    const { stdout } = spawnSync('apt-cache', ['depends', 'linux-image-amd64'], { encoding: 'utf8' });
    return /Depends: linux-image-(\d\S*-amd64)/.exec(stdout)?.[1];
  };
  let version = find();
  if (version === undefined) {
    updateLists();
    version = find();
  }
  if (version !== undefined) return version;
  throw new LabError('apt knows no kernel', 'It takes the package linux-image-amd64, which Debian has.');
}

function run(folder: string, program: string, args: readonly string[]): void {
  // The tools of a system are not on every user's path.
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  const { status, stderr, error } = spawnSync(program, args, { cwd: folder, env, encoding: 'utf8' });
  if (status !== 0) throw new LabError(`${program} ${args.join(' ')} failed`, error?.message ?? stderr);
}
