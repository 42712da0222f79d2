/** What the guest starts with: busybox, the modules that reach this computer's disk, and init.sh. */

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CHECKOUT, INITRAMFS } from './folders.js';
import type { Kernel } from './kernel.js';
import type { Scenario } from '../guest/scenario.js';
import { LabError } from './lab-error.js';

/** The disk over 9p, and the layer above it that takes what the guest writes. */
const MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay'];

/** @param isQuick whether scenarios do only what CI does @returns the path of the archive @throws LabError */
export function makeInitramfs(kernel: Kernel, scenarios: readonly Scenario[], isQuick: boolean): string {
  rmSync(INITRAMFS, { recursive: true, force: true });
  for (const folder of ['bin', 'proc', 'sys', 'dev', 'modules', 'lower', 'upper', 'root']) {
    mkdirSync(join(INITRAMFS, folder), { recursive: true });
  }
  copyFileSync('/bin/busybox', join(INITRAMFS, 'bin/busybox'));
  copyFileSync(join(CHECKOUT, 'test/usb-lab/guest/init.sh'), join(INITRAMFS, 'init'));
  chmodSync(join(INITRAMFS, 'init'), 0o755);
  writeFileSync(join(INITRAMFS, 'settings'), settings(kernel, scenarios, isQuick));
  const files = inLoadingOrder(kernel, MODULES);
  for (const file of files) copyFileSync(join(kernel.modules, file), join(INITRAMFS, 'modules', basename(file)));
  writeFileSync(join(INITRAMFS, 'modules/order'), `${files.map((file) => basename(file)).join('\n')}\n`);

  const archive = `${INITRAMFS}.gz`;
  const pack = `find . | cpio --quiet -o -H newc | gzip -1 > '${archive}'`;
  const { status, stderr } = spawnSync('sh', ['-c', pack], { cwd: INITRAMFS, encoding: 'utf8' });
  if (status !== 0) throw new LabError('the initramfs cannot be packed', stderr);
  return archive;
}

/** Variables for init.sh. */
function settings({ version, modules }: Kernel, scenarios: readonly Scenario[], isQuick: boolean): string {
  const values = {
    SCENARIOS: scenarios.map(({ name }) => name).join(' '),
    QUICK: isQuick ? '1' : '',
    CHECKOUT,
    KERNEL_VERSION: version,
    KERNEL_MODULES: modules,
    NODE: process.execPath,
  };
  const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join('');
}

/** Files of modules and of what they depend on, those first. */
function inLoadingOrder(kernel: Kernel, names: readonly string[]): string[] {
  // Lines as `kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko …`, nearest first.
  const lines = readFileSync(join(kernel.modules, 'modules.dep'), 'utf8').split('\n');
  const files = names.flatMap((name) => {
    const line = lines.find((text) => basename(text.split(':')[0] ?? '') === `${name}.ko`) ?? '';
    const [file = '', needed = ''] = line.split(':');
    return [...needed.split(' ').toReversed(), file];
  });
  return [...new Set(files.filter((file) => file !== ''))];
}
