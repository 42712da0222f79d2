/** What a user has after `npm install --global mmfree`, as an ordinary user, without a GPU. Uses the compiled program. */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { figure } from '../helpers/counts.js';
import { install, type Installation } from './installation.js';

/** Of all that npm installs. */
const MOST_BYTES = 20e6;

/** This one, and those of scripts/other-nodes.mjs. */
const NODES = [process.execPath, ...(process.env['MMFREE_TEST_NODES'] ?? '').split('\n').filter((path) => path !== '')];

/** What boards told on each Node, which must be one thing. */
const tales = new Set<string>();

const PROMPT = 'Once upon a time';

let installed: Installation;
beforeAll(async () => {
  installed = await install();
});
afterAll(() => installed?.remove());

function filesIn(folder: string, ending: string): string[] {
  const names = readdirSync(join(installed.root, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith(ending) && !name.includes('node_modules'))
    .map((name) => join(installed.root, folder, name));
}

const imagePath = (): string => join(installed.root, 'models/tales-9m/tales-9m.mmfree');

const contentOf = (file: string): string => readFileSync(file, 'utf8');

/** As pages of repositories name headings: lower case, words joined by hyphens, nothing else. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

it('is at most 20 MB, without the package for GPUs', () => {
  expect(installed.bytes).toBeGreaterThan(5e6);
  expect(installed.bytes).toBeLessThanOrEqual(MOST_BYTES);
  expect(existsSync(join(installed.root, 'node_modules/webgpu'))).toBe(false);
  figure('`npm install --global mmfree` without GPU', `${(installed.bytes / 1e6).toFixed(1)} MB`);
});

it('holds what its documents link to', () => {
  const documents = filesIn('.', '.md');
  const links = documents.flatMap((file) =>
    [...contentOf(file).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].map(([, path = '', anchor]) => {
      const target = path === '' ? file : join(dirname(file), path);
      const isThere = existsSync(target) && (anchor === undefined || anchorsOf(contentOf(target)).includes(anchor));
      return `${relative(installed.root, file)}: ${path}${anchor === undefined ? '' : `#${anchor}`}${isThere ? '' : ' IS MISSING'}`;
    }),
  );
  expect(links.length).toBeGreaterThan(30);
  expect(links.filter((link) => link.endsWith('MISSING'))).toEqual([]);
  figure('links of installed documents that lead into the package', `${links.length} of ${links.length}`);
});

it.each(['LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'README.md', 'models/NOTICE.md'])(
  'holds %s',
  (name) => {
    expect(statSync(join(installed.root, name)).size).toBeGreaterThan(200);
  },
);

it('holds the documents that its messages and its services name', () => {
  const sources = [...filesIn('dist', '.js'), ...filesIn('firmware-host', ''), ...filesIn('udev', '')];
  const texts = sources.filter((file) => statSync(file).isFile()).map(contentOf);
  // Comments name documents of others too.
  const lines = texts.flatMap((content) => content.split('\n')).filter((line) => !/^\s*(?:\/?\*|\/\/)/.test(line));
  const named = new Set(lines.flatMap((line) => line.match(/\bdocs\/(?:guides\/)?[\w-]+\.md\b/g) ?? []));
  expect(named.size).toBeGreaterThan(3);
  expect([...named].filter((name) => !existsSync(join(installed.root, name)))).toEqual([]);
});

it('names the command that brings the package for GPUs to it', async () => {
  const { exit, stdout } = await installed.mmfree(['run', '--json', '--backend', 'gpu', PROMPT]);
  const { error } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { error: { code: string; fix: string } };
  expect([exit, error.code]).toEqual([18, 'gpu-package']);
  const prefix = join(installed.root, '../../..');
  expect(error.fix).toContain(`npm install --global --prefix ${prefix} webgpu@`);
});

describe.each(NODES)('on %s', (node) => {
  it('flashes a board behind a serial port and checks what it tells', async () => {
    const board = installed.start(['virtual-board', '--json', '--pty'], node);
    try {
      const selector = await addressOf(board.stdout!);
      expect(selector).toMatch(/^serial:/);
      expect(await installed.mmfree(['flash', imagePath(), '--board', selector], node)).toMatchObject({ exit: 0 });
      const told = await installed.mmfree(
        ['run', '--check', '--max-tokens', '20', '--board', selector, '--image', imagePath(), PROMPT],
        node,
      );
      expect(told).toMatchObject({ exit: 0 });
      tales.add(told.stdout);
      expect([...tales]).toEqual([expect.stringMatching(/\w+ \w+/)]);
      figure('tales of a board flashed by the installed package', `the same on ${NODES.length} versions of Node`);
    } finally {
      board.kill('SIGTERM');
      if (board.exitCode === null) await once(board, 'exit');
    }
  });

  it('loads the native packages', async () => {
    // Where the package for GPUs is too.
    const code = `await Promise.all(['usb', 'serialport', 'webgpu'].map((name) => import(name))); process.exit(0)`;
    const child = spawn(node, ['--input-type=module', '--eval', code], { cwd: import.meta.dirname });
    expect((await once(child, 'exit')) as unknown[]).toEqual([0, null]);
  });
});

async function addressOf(stdout: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const event = JSON.parse(line) as { type: string; addresses?: readonly string[] };
    if (event.type === 'ready') return event.addresses?.[0] ?? '';
  }
  throw new Error('the virtual board did not start');
}
