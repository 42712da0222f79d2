/**
 * The package `webgpu` comes only when wanted, as it is ten times as large as the rest: an optional peer dependency,
 * which no package manager installs by itself. Here: the command that puts it where this program finds it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { packageFile } from '../../../package-file.js';

/**
 * One line for a shell. A package is looked for in every folder `node_modules` above the file that loads it, so it goes
 * beside mmfree's own folder, wherever npm put that: by itself, npm would take the folder of the user, or another
 * prefix.
 *
 * @param root the folder of mmfree's package.json
 */
export function gpuPackageCommand(root: string = dirname(packageFile('package.json'))): string {
  const modules = dirname(root);
  // A checkout, also if it was installed with `npm install -g .`, which is a link to it. Its tests need the package.
  if (basename(modules) !== 'node_modules') return `npm ci --include=dev --ignore-scripts --prefix ${shellWord(root)}`;
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const { webgpu } = manifest.peerDependencies;
  const above = dirname(modules);
  if (existsSync(join(above, 'package.json'))) return `npm install --prefix ${shellWord(above)} webgpu@${webgpu}`;
  // Globally: PREFIX/lib/node_modules, on Windows PREFIX/node_modules (npm's documentation, folders).
  const prefix = basename(above) === 'lib' ? dirname(above) : above;
  return `npm install --global --prefix ${shellWord(prefix)} webgpu@${webgpu}`;
}

/** Our own file. The version is written there alone. */
interface Manifest {
  readonly peerDependencies: { readonly webgpu: string };
}

/** For the shells of Unix and of Windows. */
function shellWord(path: string): string {
  return /^[\w./:\\@+-]+$/.test(path) ? path : `"${path}"`;
}
