/**
 * Files and locks as users meet them: processes of the compiled program. docs/guides/files-and-locks.md has the
 * contracts.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { mmfree, temporaryFolder, writeTextCheckpoint } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { hasProgram } from '../helpers/system.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const path = temporaryFolder();

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
}

/** @param elsewhere a folder for what programs leave in folders that they share */
function start(args: readonly string[], wrapper: readonly string[] = [], elsewhere = path('elsewhere')): Started {
  const [program = '', ...rest] = [...wrapper, process.execPath, MAIN, ...args];
  const env = { ...process.env, TMPDIR: elsewhere, MMFREE_RUNTIME_DIR: elsewhere };
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env });
  child.stderr.resume();
  return { child, ended: once(child, 'exit').then(([code]) => code as number | null) };
}

/** Resolves at the first line that is an event of this type; false if the program ends before. */
async function reaches({ child }: Started, type: string): Promise<boolean> {
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line.startsWith(`{"type":"${type}"`)) {
      child.stdout!.resume();
      return true;
    }
  }
  return false;
}

beforeAll(async () => {
  for (const name of ['elsewhere', 'tiny']) mkdirSync(path(name), { recursive: true });
  await writeTextCheckpoint(path('tiny'));
  const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
  writeFileSync(path('key.pem'), key);
  await mmfree('pack', path('tiny'), '-o', path('tiny.mmfree'));
  const program = (await mmfree('inspect', path('tiny.mmfree'), '--program')).stdout.text;
  writeFileSync(path('program.txt'), program);
  const map = Object.fromEntries(tensorNames().map((name) => [name, 'a.safetensors']));
  mkdirSync(path('sharded'));
  for (const name of ['config.json', 'tokenizer.json']) linkSync(path(`tiny/${name}`), path(`sharded/${name}`));
  writeFileSync(path('sharded/a.safetensors'), readFileSync(path('tiny/model.safetensors')));
  writeFileSync(path('sharded/model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
});

/** Of the tiny checkpoint, from the header of its file. */
function tensorNames(): string[] {
  const bytes = readFileSync(path('tiny/model.safetensors'));
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE()));
  return Object.keys(JSON.parse(header.toString()) as object).filter((name) => name !== '__metadata__');
}

describe('an input that is named as the output', () => {
  const inputs = [
    'sharded/a.safetensors',
    'sharded/model.safetensors.index.json',
    'sharded/config.json',
    'sharded/tokenizer.json',
    'program.txt',
    'key.pem',
  ];

  it.each(inputs)('is not destroyed by `pack`: %s', async (input) => {
    const before = readFileSync(path(input));
    const name = input.replaceAll('/', '-');
    linkSync(path(input), path(`hard-${name}`));
    symlinkSync(path(input), path(`symbolic-${name}`));
    for (const output of [input, `hard-${name}`, `symbolic-${name}`]) {
      const options = ['--program', path('program.txt'), '--sign', path('key.pem')];
      const { exit, stderr } = await mmfree('pack', path('sharded'), '-o', path(output), ...options);
      expect([exit, stderr.lines[0]]).toEqual([2, expect.stringContaining('would be overwritten')]);
      expect(readFileSync(path(output))).toEqual(before);
    }
    figure(`files: ${input.split('/').at(-1)} as the output of pack, plain, hard link, symbolic link`, '0 destroyed');
  });

  it('is not destroyed by `vectors`, nor anything beside it', async () => {
    mkdirSync(path('vectors'));
    renameSync(path('tiny.mmfree'), path('vectors/index.txt'));
    const before = readFileSync(path('vectors/index.txt'));
    const { exit } = await mmfree('vectors', '-o', path('vectors'), '--image', path('vectors/index.txt'));
    expect([exit, readFileSync(path('vectors/index.txt')).equals(before)]).toEqual([2, true]);
    expect(readdirSync(path('vectors'))).toEqual(['index.txt']);
  });
});

it('packs to one output at the same time end with a whole image each time', async () => {
  const rounds = count(1, 50);
  for (let round = 0; round < rounds; round++) {
    const output = path('together.mmfree');
    const packs = ['1', '2', '3'].map((revision) =>
      start(['pack', path('tiny'), '-o', output, '--revision', revision]),
    );
    // One of them is killed in the long run: what it leaves is not under the output's name.
    if (round % 2 === 1) setTimeout(() => packs[0]?.child.kill('SIGKILL'), 40 * (round % 10));
    const codes = await Promise.all(packs.map(({ ended }) => ended));
    expect(codes.slice(1)).toEqual([0, 0]);
    expect((await mmfree('inspect', output)).exit).toBe(0);
  }
  figure(
    'files: rounds of 3 packs to one output, one killed in every second; images that were not whole',
    `${rounds}: 0`,
  );
});

const board = (file: string): string[] => ['--json', 'virtual-board', '--flash-file', path(file), '--flash-mib', '1'];
/** A process namespace of its own, in which the program is process 1, as in a container. */
const CONTAINER = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child'];
const mayUnshare = hasProgram('unshare') && spawnSync('unshare', [...CONTAINER.slice(1), 'true']).status === 0;

describe.skipIf(!hasProgram('flock'))('a flash file', () => {
  const ways: [string, string[]][] = [['on one system', []]];
  if (mayUnshare) ways.push(['from two process namespaces', CONTAINER]);

  // Without the right to make namespaces only the first one runs.
  it.each(ways)('is never that of two boards %s, by whatever name', async (way, wrapper) => {
    const rounds = count(1, 20);
    const file = `flash-${wrapper.length}`;
    for (let round = 0; round < rounds; round++) {
      const names = [file, file, file];
      if (existsSync(path(file)) && !existsSync(path(`${file}-hard`))) {
        linkSync(path(file), path(`${file}-hard`));
        symlinkSync(path(file), path(`${file}-symbolic`));
      }
      if (existsSync(path(`${file}-hard`))) names.splice(1, 2, `${file}-hard`, `${file}-symbolic`);
      const boards = names.map((name) => start(board(name), wrapper));
      const ready = await Promise.all(boards.map((one) => reaches(one, 'ready')));
      expect(ready.filter(Boolean)).toHaveLength(1);
      boards[ready.indexOf(true)]?.child.kill(wrapper.length > 0 ? 'SIGKILL' : 'SIGINT');
      const codes = await Promise.all(boards.map(({ ended }) => ended));
      expect(codes.filter((code) => code === 5)).toHaveLength(2);
    }
    figure(`files: starts of 3 boards at once on one flash file, ${way}; more than one started`, `${rounds}: 0`);
  });

  it.each(ways)('is free again after kill -9 %s', async (way, wrapper) => {
    const restarts = count(2, 20);
    for (let k = 0; k < restarts; k++) {
      const one = start(board(`killed-${wrapper.length}`), wrapper);
      expect(await reaches(one, 'ready')).toBe(true);
      one.child.kill('SIGKILL');
      await one.ended;
    }
    figure(`files: restarts after kill -9, ${way}; started`, `${restarts}: ${restarts}`);
  });
});
