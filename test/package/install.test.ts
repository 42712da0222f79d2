/**
 * What a user has after `npm install --global mmfree`, as an ordinary user, without a GPU. Uses the compiled program.
 */

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { count, figure } from '../helpers/counts.js';
import { ended, install, type Ended, type Installation } from './installation.js';

/** Of all that npm installs. */
const MOST_BYTES = 20e6;

/** This one, and those of scripts/other-nodes.mjs. */
const NODES = [process.execPath, ...(process.env['MMFREE_TEST_NODES'] ?? '').split('\n').filter((path) => path !== '')];

/** What a board told on each Node, which must be one thing. */
const tales = new Map<string, string>();

const PROMPT = 'Once upon a time';

const ROOT = join(import.meta.dirname, '../..');

const EXAMPLES = ['generate.mjs', 'move-a-text.mjs', 'verify-receipts.mjs'];

/** What the examples print. */
const GENERATED =
  ' I was a very fond-looking and unjust man. My name was Necile; the name of a son of Alexis Lucca was the name of Diwal\n';
const MOVED = ['moved as 8324 bytes from reference to simulator', 'the same 40 receipts as without the move'];

/** That of this project, and an older one, which is slow. */
const COMPILERS = ['node_modules/typescript/bin/tsc', 'scripts/api/node_modules/typescript/bin/tsc'];

/** A program of somebody else, in strict TypeScript, that uses all there is. */
const PROGRAM = `
import * as mmfree from 'mmfree';
import { generate, openMachine, openText, type MachineFacts, type TextPiece } from 'mmfree';

const opened = await openMachine({ kind: mmfree.machineKinds.find((kind) => kind === 'reference')!, onNote: (text: string) => text.length });
const facts: MachineFacts = opened.machine.facts;
const pieces: TextPiece[] = [];
for await (const piece of generate(opened, 'Once', { maxTokens: 3, seed: 1n })) pieces.push(piece);
const text = await openText(opened);
const state: Uint8Array = await text.save();
const words: Int32Array = mmfree.decodeState(state).state.words;
const { verified } = await mmfree.verifyReceipts(opened, { prompt: 'Once', tokens: pieces });
const { shape } = await mmfree.readImage('tales.mmfree').catch((error: unknown) => {
  if (error instanceof mmfree.MmfreeError) throw new Error(error.code + error.fix);
  throw error;
});
const names: string[] = (await mmfree.listBoards()).map(({ selector }) => selector);
const sizes: number[] = [words.length, verified, shape.layers, names.length, facts.sequences];
export const packed = await mmfree.pack('checkpoint', 'image', { revision: sizes.length });
// @ts-expect-error: there is no such option.
await openMachine({ colour: 'blue' });
`;

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

/**
 * As pages of repositories name headings: lower case, words joined by hyphens, nothing else; and what is named in
 * place.
 */
function anchorsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return [...headings, ...Array.from(markdown.matchAll(/<a id="([^"]+)">/g), ([, id = '']) => id)];
}

it('is at most 20 MB, without the package for GPUs', () => {
  expect(installed.bytes).toBeGreaterThan(5e6);
  expect(installed.bytes).toBeLessThanOrEqual(MOST_BYTES);
  expect(existsSync(join(installed.root, 'node_modules/webgpu'))).toBe(false);
  figure('install: `npm install --global mmfree` without GPU', `${(installed.bytes / 1e6).toFixed(1)} MB`);
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
  figure('install: links of its documents that lead into the package', `${links.length} of ${links.length}`);
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

it('holds what firmware is built of', () => {
  const folders = ['core', 'ports/rp2040', 'ports/rp2350', 'ports'].map((name) => `firmware/${name}`);
  for (const folder of [...folders, 'docs/firmware']) {
    expect(readdirSync(join(installed.root, folder))).toEqual(readdirSync(join(ROOT, folder)));
  }
});

it('names the command that brings the package for GPUs to it', async () => {
  const { exit, stdout } = await installed.mmfree(['run', '--json', '--backend', 'gpu', PROMPT]);
  const { error } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { error: { code: string; fix: string } };
  expect([exit, error.code]).toEqual([18, 'gpu-package']);
  const prefix = join(installed.root, '../../..');
  expect(error.fix).toContain(`npm install --global --prefix ${prefix} webgpu@`);
});

describe('as a library', () => {
  /** Where a program of somebody else lies, which has the package in its node_modules. */
  const folder = (): string => join(installed.root, '../..');

  /** A file beside the package, run. */
  const run = async (node: string, name: string, args: readonly string[] = []): Promise<Ended> => {
    return await ended(spawn(node, [join(folder(), name), ...args], { cwd: folder() }));
  };

  beforeAll(() => {
    for (const name of EXAMPLES) copyFileSync(join(installed.root, 'examples', name), join(folder(), name));
  });

  it.each(NODES)('tells a tale in ten lines, the same on %s', async (node) => {
    const lines = contentOf(join(folder(), 'generate.mjs')).split('\n');
    expect(lines.filter((line) => line !== '' && !line.startsWith('//')).length).toBeLessThanOrEqual(10);
    const { stdout } = await run(node, 'generate.mjs');
    expect(stdout).toBe(GENERATED);
  });

  it('moves a text to another machine', async () => {
    const { exit, stdout } = await run(process.execPath, 'move-a-text.mjs');
    expect([exit, stdout.trim().split('\n').slice(-2)]).toEqual([0, MOVED]);
  });

  it('verifies what the program logs, and finds a receipt that was changed', async () => {
    const { stdout } = await installed.mmfree(
      ['run', '--json', '--backend', 'reference', '--max-tokens', '12', PROMPT],
      process.execPath,
    );
    const check = async (log: string): Promise<Ended> => {
      writeFileSync(join(folder(), 'tale.jsonl'), log);
      return await run(process.execPath, 'verify-receipts.mjs', ['tale.jsonl', PROMPT]);
    };
    expect(await check(stdout)).toMatchObject({ exit: 0, stdout: '12 of 12 receipts are right\n' });
    let seen = 0;
    const changed = stdout.replace(/"receipt":"./g, (text) =>
      ++seen !== 5 ? text : text.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
    );
    const { exit, stdout: found } = await check(changed);
    expect([exit, found]).toEqual([1, expect.stringMatching(/^4 of 12 .*\n.* behind token 8, /)]);
  });

  it.each([
    ['the libraries of browsers', { types: [] }],
    ['the types of Node', { lib: ['ES2023'], types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] }],
  ])('has types that need nothing but %s', async (_, options) => {
    const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true };
    const compilerOptions = { module: 'nodenext', target: 'es2023', ...strict, ...options };
    writeFileSync(join(folder(), 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.mts'] }));
    writeFileSync(join(folder(), 'program.mts'), PROGRAM);
    for (const compiler of COMPILERS.slice(0, count(1, 2))) {
      const { exit, stdout } = await ended(spawn(process.execPath, [join(ROOT, compiler), '-p', folder()]));
      expect([exit, stdout]).toEqual([0, '']);
    }
  });

  it('shows nothing but its one module', async () => {
    writeFileSync(join(folder(), 'inside.mjs'), `import 'mmfree/dist/library/text.js';\n`);
    expect((await run(process.execPath, 'inside.mjs')).stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
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
      tales.set(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim(), told.stdout);
      expect([...new Set(tales.values())]).toEqual([expect.stringMatching(/\w+ \w+/)]);
      if (node === NODES[0]) await expectTextToMove(selector);
      figure('install: tales of a board that it flashed', `the same on Node ${[...tales.keys()].join(', ')}`);
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

/** From the reference to a board, as the example of the library does it. */
async function expectTextToMove(selector: string): Promise<void> {
  const child = spawn(process.execPath, [join(installed.root, 'examples/move-a-text.mjs'), selector]);
  const { exit, stdout } = await ended(child);
  expect([exit, stdout.trim().split('\n').slice(-2)]).toEqual([
    0,
    [expect.stringMatching(/^moved as 8324 bytes from reference to .*virtual/), MOVED[1]],
  ]);
}

async function addressOf(stdout: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const event = JSON.parse(line) as { type: string; addresses?: readonly string[] };
    if (event.type === 'ready') return event.addresses?.[0] ?? '';
  }
  throw new Error('the virtual board did not start');
}
