/**
 * A package registry on this computer, with the packages that are installed in this checkout: what npm does for a user
 * can be seen without a network.
 *
 * It answers two kinds of requests of npm's registry API
 * (https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md): a package's document, and its archive. Packages for
 * other systems are not here, as npm did not install them; it takes that for optional ones.
 */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

export interface PackageRegistry {
  readonly url: string;
  readonly close: () => void;
}

interface Served {
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly archive: () => Promise<Buffer>;
}

/** @param archive of this package, as `npm pack` writes it */
export async function startRegistry(archive: string): Promise<PackageRegistry> {
  const packages = await installedPackages();
  const own = await manifestIn(ROOT);
  packages.set(idOf(own), { manifest: own, archive: () => readFile(archive) });
  const server = createServer((request, response) => {
    const name = decodeURIComponent(request.url ?? '').slice(1);
    const { host = '' } = request.headers;
    const respond = async (): Promise<void> => {
      const body = await answer(packages, name, `http://${host}`);
      response.writeHead(body === undefined ? 404 : 200).end(body ?? '{}');
    };
    void respond();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  packages: ReadonlyMap<string, Served>,
  name: string,
  url: string,
): Promise<Buffer | string | undefined> {
  const file = /^-\/(.*)\.tgz$/.exec(name)?.[1];
  if (file !== undefined) return await packages.get(file)?.archive();
  const manifests = [...packages.values()]
    .map(({ manifest }) => manifest)
    .filter((manifest) => manifest['name'] === name);
  if (manifests.length === 0) return undefined;
  const versions = Object.fromEntries(
    manifests.map((manifest) => {
      const tarball = `${url}/-/${encodeURIComponent(idOf(manifest))}.tgz`;
      return [String(manifest['version']), { ...manifest, dist: { tarball } }];
    }),
  );
  return JSON.stringify({ name, versions, 'dist-tags': { latest: Object.keys(versions).at(-1) } });
}

/** Those that users get: not for development. */
async function installedPackages(): Promise<Map<string, Served>> {
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: true }>>;
  };
  const served = new Map<string, Served>();
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    if (path === '' || dev === true) continue;
    const folder = join(ROOT, path);
    const manifest = await manifestIn(folder).catch(() => undefined);
    if (manifest !== undefined) served.set(idOf(manifest), { manifest, archive: () => archiveOf(folder) });
  }
  return served;
}

async function manifestIn(folder: string): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
}

function idOf(manifest: Readonly<Record<string, unknown>>): string {
  return `${String(manifest['name'])}@${String(manifest['version'])}`;
}

/** npm drops the first folder of each path, whatever its name. */
async function archiveOf(folder: string): Promise<Buffer> {
  const args = ['-cz', '--exclude=node_modules', '-C', dirname(folder), basename(folder)];
  const { stdout } = await run('tar', args, { encoding: 'buffer', maxBuffer: 2 ** 28 });
  return stdout;
}
