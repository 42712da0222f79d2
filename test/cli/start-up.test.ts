/**
 * What a command loads: every module takes half a millisecond, so what it does not need is not there. Uses the compiled
 * program.
 */

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { hasGpu } from '../helpers/gpu.js';

const DIST = new URL('../../dist/', import.meta.url).href;
const PACKAGES = new URL('../../node_modules/', import.meta.url).href;

const path = temporaryFolder();
let count = 0;

/** What a module in dist/ loads, run with arguments: modules of ours by their path there, others by their package. */
async function modulesOf(script: string, ...argv: readonly string[]): Promise<string[]> {
  const list = pathToFileURL(path(`modules-${count++}`)).href;
  const hooks = `import { appendFileSync } from 'node:fs';
    export const load = (url, context, next) => (appendFileSync(new URL('${list}'), url + '\\n'), next(url, context));`;
  const dataUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
  const register = `import { register } from 'node:module'; register('${dataUrl(hooks).replaceAll("'", '%27')}');`;
  await promisify(execFile)(process.execPath, ['--import', dataUrl(register), fileURLToPath(DIST + script), ...argv]);
  const urls = (await readFile(new URL(list), 'utf8')).split('\n');
  const names = urls.flatMap((url) => {
    if (url.startsWith(DIST)) return url.slice(DIST.length);
    const [name, inScope] = url.startsWith(PACKAGES) ? url.slice(PACKAGES.length).split('/') : [];
    if (name === undefined) return [];
    return name.startsWith('@') ? `${name}/${inScope}` : name;
  });
  return [...new Set(names)];
}

async function expectNothingBut(
  argv: readonly string[],
  packages: readonly string[],
  needed: string,
  foreign: RegExp,
): Promise<void> {
  const modules = await modulesOf('cli/start.js', ...argv);
  expect(modules.filter((name) => !name.endsWith('.js')).toSorted()).toEqual(packages);
  expect(modules).toContain(needed);
  expect(modules.filter((name) => foreign.test(name))).toEqual([]);
}

const RUN = ['run', '--image', TALES_IMAGE, '--max-tokens', '1', 'Once'];
const TEXT_PACKAGES = ['cbor-x', 'commander'];

it('the help loads no command', async () => {
  await expectNothingBut(['--help'], ['commander'], 'cli/commands.js', /^(?:cli\/(?:commands|work)|model|device)\//);
});

it('neither help nor a run loads the service', async () => {
  for (const argv of [['--help'], ['serve', '--help'], [...RUN, '--backend', 'reference']]) {
    const modules = await modulesOf('cli/start.js', ...argv);
    expect(modules.filter((name) => /^(?:serve\/|hono|zod|pino|prom-client|@h)/.test(name))).toEqual([]);
  }
});

it('a run on the reference loads neither boards nor GPUs', async () => {
  await expectNothingBut(
    [...RUN, '--backend', 'reference'],
    TEXT_PACKAGES,
    'model/integer/integer-model.js',
    /^(?:device|firmware-host|model\/(?:pack\/|backends\/(?:conformance|cpu|gpu\/(?!device\/gpu-presence))|program\/simulator))/,
  );
});

it.skipIf(!hasGpu)(
  'a run on a GPU loads neither boards nor the reference nor kernels for rows',
  async () => {
    await expectNothingBut(
      [...RUN, '--backend', 'gpu'],
      [...TEXT_PACKAGES, 'webgpu'],
      'model/backends/gpu/single-pass.js',
      /^(?:device|firmware-host|model\/(?:pack\/|integer\/integer-model|backends\/(?:conformance|gpu\/row-pass)|program\/simulator))/,
    );
  },
  120_000,
);

// Every run does that which names neither a board nor an image.
it('a look for boards loads nothing that talks to them', async () => {
  const modules = await modulesOf('device/finding/discovery.js');
  expect(modules).toContain('device/usb/sysfs.js');
  expect(modules.filter((name) => /^(?:serialport|usb|device\/(?:session|usb\/usbip).*)$/.test(name))).toEqual([]);
});
