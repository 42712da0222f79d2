/** The programs that the lab takes from the distribution, installed where that is allowed, and said. */

import { spawnSync } from 'node:child_process';
import { LabError } from './lab-error.js';
import { say } from './say.js';

/** Debian packages; those of them that run in the guest run there from this computer's disk. */
const PACKAGES = [
  'qemu-system-x86', // the machine
  'busybox-static', // what the guest starts with
  'cpio', // packs that
  'kmod', // modprobe
  'udev', // names, links and events of devices
  'usbip', // plugs boards in
  'usbutils', // lsusb
  'dfu-util', // flashes boards
  'fpga-icestorm', // iceprog: flashes FPGA boards
  'openfpgaloader', // does that too
  'util-linux', // setpriv: programs of another user
];

/** Why the lab cannot run on this computer, before anything is tried; undefined if it can. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'it takes Linux on x86-64';
  if (!hasProgram('apt-get') || !hasProgram('dpkg')) return 'it takes Debian packages, and there is no apt-get';
  const missing = missingPackages();
  if (missing.length > 0 && asRoot() === undefined) {
    return `${missing.join(' ')} must be installed by root: sudo apt-get install --no-install-recommends ${missing.join(' ')}`;
  }
  return undefined;
}

/** @throws LabError */
export function installPackages(): void {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const prefix = asRoot() ?? [];
  say(`install with apt-get: ${missing.join(' ')}`);
  updateLists();
  runApt(prefix, ['install', '-y', '-qq', '--no-install-recommends', ...missing]);
}

/** Brings the lists of packages up to date, which a bare container does not have. @throws LabError */
export function updateLists(): void {
  runApt(asRoot() ?? [], ['update', '-qq']);
}

/** What makes a program run as root: nothing for root, sudo where it does not ask for a password. */
function asRoot(): string[] | undefined {
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
}

function missingPackages(): string[] {
  return PACKAGES.filter((name) => {
    const { stdout } = spawnSync('dpkg-query', ['--show', '--showformat=${db:Status-Status}', name]);
    return String(stdout) !== 'installed';
  });
}

function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/** @throws LabError */
function runApt(prefix: readonly string[], args: readonly string[]): void {
  const [program = '', ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
  const { status, stderr, stdout } = spawnSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (status === 0) return;
  throw new LabError(`apt-get ${args.join(' ')} failed`, `${stdout}${stderr}`.trim().slice(-2000));
}
