import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { gpuPackageCommand } from '../../../../../model/backends/gpu/device/gpu-package.js';

const folder = mkdtempSync(join(tmpdir(), 'mmfree-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(path: string, content: object): void {
  const whole = join(folder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, JSON.stringify(content));
}

it.each<[string, string, string | undefined, string]>([
  ['a checkout', 'checkout', undefined, 'npm ci --include=dev --ignore-scripts --prefix F/checkout'],
  ['a project', 'project/node_modules/mmfree', 'project', 'npm install --prefix F/project webgpu@1.2.3'],
  [
    'a global installation',
    'usr/lib/node_modules/mmfree',
    undefined,
    'npm install --global --prefix F/usr webgpu@1.2.3',
  ],
  ['one of Windows', 'npm/node_modules/mmfree', undefined, 'npm install --global --prefix F/npm webgpu@1.2.3'],
  [
    'a folder with a blank',
    'my project/node_modules/mmfree',
    'my project',
    'npm install --prefix "F/my project" webgpu@1.2.3',
  ],
])('puts the package where %s finds it', (_, root, project, command) => {
  write(join(root, 'package.json'), { peerDependencies: { webgpu: '1.2.3' } });
  if (project !== undefined) write(join(project, 'package.json'), {});
  expect(gpuPackageCommand(join(folder, root)).replaceAll(folder, 'F')).toBe(command);
});

it('names the version that the tests of this checkout use', async () => {
  const { default: manifest } = await import('../../../../../package.json', { with: { type: 'json' } });
  expect(manifest.peerDependencies.webgpu).toBe(manifest.devDependencies.webgpu);
  expect(manifest.peerDependenciesMeta.webgpu.optional).toBe(true);
});
