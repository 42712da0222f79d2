/**
 * Signals as users send them, to processes of the compiled program: every command ends within a second, whatever it is
 * doing, and nothing of it is left. docs/guides/files-and-locks.md has the contract.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isGroup } from '../../cli/command.js';
import { ENDING_SIGNALS } from '../../cli/problem.js';
import { COMMANDS, TALES, TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { hasProgram } from '../helpers/system.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const path = temporaryFolder();

/** A second, on a machine that has nothing else to do: in CI only what does not end at all is found. */
const LIMIT_MS = count(20_000, 1000);
const TEXT = `${TALES}/validation.txt`;
const IMAGE = ['--image', TALES_IMAGE];
/** Takes connections and never says anything. */
const SILENT_BOARD = ['--board', 'tcp:SILENT'];

type Line = readonly [command: string, ...args: string[]];

/** What keeps commands busy. Words in capitals are places of this test. */
const BUSY: readonly Line[] = [
  ['boards', ...SILENT_BOARD],
  ['boards', '--watch'],
  ['flash', TALES_IMAGE, ...SILENT_BOARD],
  ['flash', TALES_IMAGE, '--board', 'usbip:SILENT'],
  ['read', '-o', 'OUT', ...SILENT_BOARD],
  ['revert', ...SILENT_BOARD],
  ['restart', ...SILENT_BOARD],
  ['run', ...IMAGE, '--backend', 'reference', '--max-tokens', '100000', 'Once'],
  ['run', ...IMAGE, '--prompt-file', 'PIPE'],
  ['run', ...SILENT_BOARD, 'Once'],
  ['verify', ...IMAGE, '--backend', 'simulator', '--tokens', '100000'],
  ['eval', ...IMAGE, '--text', TEXT],
  ['eval', ...IMAGE, '--text', 'PIPE'],
  ['eval', '--checkpoint', TALES, '--text', TEXT],
  ['bench', 'reference'],
  ['bench', 'cpu', '--shape', '9M'],
  ['bench', 'pack', '--shape', '370M'],
  ['bench', 'link'],
  ['bench', 'start-up'],
  ['serve', ...IMAGE, '--port', '0', '--state-dir', 'OUT'],
  ['virtual-board', ...IMAGE],
  ['virtual-board', '--flash-file', 'OUT'],
  ['virtual-board', ...IMAGE, '--usbip', '127.0.0.1:0'],
  ['train', 'PIPE', '-o', 'OUT'],
  ['tokenizer train', 'PIPE', '-o', 'OUT'],
  ['tokenizer encode', `${TALES}/tokenizer.json`, 'PIPE'],
  ['tokenizer decode', `${TALES}/tokenizer.json`, 'PIPE'],
  ['gateware build', '-o', 'OUT'],
  ['gateware flash', ...IMAGE, '--board', 'usbip:SILENT'],
  ['gateware sim'],
  ['firmware build', '-o', 'OUT'],
  ['vectors', '-o', 'OUT', '--tokens', '100000'],
];

/** What ends by itself before long. */
const BRIEF: readonly Line[] = [
  ['pack', TALES, '-o', 'OUT'],
  ['doctor'],
  ['inspect', TALES_IMAGE],
  ['models'],
  ['run', ...IMAGE, '--max-tokens', '100000', 'Once'],
  // Nobody says anything.
  ['chat', ...IMAGE],
  ['key', '-o', 'OUT'],
  ['completion', 'bash'],
];

let silent: Server;
/** Programs that gateware and firmware are made with: they never come to an end. */
const tools = ['yosys', 'nextpnr-ice40', 'icepack', 'verilator', 'g++'].concat(
  'arm-none-eabi-gcc',
  'arm-none-eabi-objcopy',
);

beforeAll(async () => {
  silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  mkdirSync(path('tools'));
  for (const tool of tools) {
    writeFileSync(path(`tools/${tool}`), '#!/bin/sh\necho $$ >> "$TOOL_PROCESSES"\nexec sleep 600\n');
    chmodSync(path(`tools/${tool}`), 0o755);
  }
});
afterAll(() => void silent.close());

const canTry = existsSync('/proc/self/status') && hasProgram('mkfifo') && hasProgram('make');

describe.runIf(canTry)('a signal', () => {
  it('is tried with every command', () => {
    const names = COMMANDS.flatMap((one) =>
      isGroup(one) ? one.commands.map(({ name }) => `${one.name} ${name}`) : [one.name],
    );
    expect([...new Set([...BUSY, ...BRIEF].map(([command]) => command))].toSorted()).toEqual(names.toSorted());
  });

  const moments = count(1, 10);
  const all = [...BUSY.map((line) => ({ line, isBrief: false })), ...BRIEF.map((line) => ({ line, isBrief: true }))];
  // In CI each command once.
  const cases = all
    .filter(({ line }, index) => moments > 1 || all.findIndex((other) => other.line[0] === line[0]) === index)
    .map((one) => ({ ...one, title: one.line.join(' ').replaceAll(TALES, '…') }));
  let longestMs = 0;

  // One after the other where it is timed.
  it.each(cases)(
    'ends `$title` at any moment, with nothing left behind',
    { concurrent: moments === 1 },
    async ({ title, line, isBrief }) => {
      const [command, ...args] = line;
      for (let moment = 0; moment < moments; moment++) {
        const folder = path(`${title.replaceAll(/[^a-z]+/gi, '-')}-${moment}`);
        mkdirSync(`${folder}/elsewhere`, { recursive: true });
        execFileSync('mkfifo', [`${folder}/pipe`]);
        const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
        const places: Record<string, string> = { OUT: `${folder}/out`, PIPE: `${folder}/pipe`, SILENT: address };
        const words = [...command.split(' '), ...args].map((word) =>
          word.replace(/OUT|PIPE|SILENT/, (place) => places[place]!),
        );
        // A service that is up takes SIGHUP for "read your files again".
        const signals = command === 'serve' ? ENDING_SIGNALS.filter((one) => one !== 'SIGHUP') : ENDING_SIGNALS;
        const signal = signals[moment % signals.length] ?? 'SIGINT';
        const { code, tookMs } = await endedBySignal(words, folder, signal, 100 + 170 * moment);
        longestMs = Math.max(longestMs, tookMs);
        expect(tookMs).toBeLessThan(LIMIT_MS);
        expect([...(isBrief ? [0] : []), 128 + constants.signals[signal]]).toContain(code);
        // What the user has named is whole, or a folder that a later command goes on with; what was measured is kept.
        const kept = /^(pipe|out)(\/|$)|\/cpu-setting-\w+\.json$/;
        const left = filesOf(folder).filter((name) => !kept.test(name) || name.includes('.mmfree-'));
        expect(left).toEqual([]);
      }
    },
  );

  afterAll(() => {
    figure(
      `signals: from one to the end, at ${moments} moments of ${cases.length} command lines, the longest`,
      `${longestMs.toFixed(0)} ms`,
    );
  });
});

/** Runs a command line with everything that is its own in `folder`, and tells how it took a signal. */
async function endedBySignal(
  words: readonly string[],
  folder: string,
  signal: NodeJS.Signals,
  afterMs: number,
): Promise<{ readonly code: number | null; readonly tookMs: number }> {
  const elsewhere = `${folder}/elsewhere`;
  const toolProcesses = `${folder}.processes`;
  const env = {
    ...process.env,
    PATH: `${path('tools')}:${process.env['PATH']}`,
    TOOL_PROCESSES: toolProcesses,
    TMPDIR: elsewhere,
    MMFREE_RUNTIME_DIR: elsewhere,
    XDG_CACHE_HOME: elsewhere,
  };
  // In a process group of its own, so that what it has started is found; but for tools, which have one too.
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  child.stdout.resume();
  child.stderr.resume();
  await Promise.race([listensToSignals(child.pid!).then(() => delay(afterMs)), ended]);
  const waiting = processorWait(child.pid!, ended);
  const sentMs = performance.now();
  child.kill(signal);
  const code = await ended;
  const tookMs = performance.now() - sentMs - (await waiting);
  const toolsOfIt = existsSync(toolProcesses) ? readFileSync(toolProcesses, 'utf8').trim().split('\n') : [];
  const startedByIt = [-child.pid!, ...toolsOfIt.map(Number)];
  while (startedByIt.some(isThere)) await delay(10);
  return { code, tookMs };
}

/** Before that the system ends the process by itself. */
async function listensToSignals(pid: number): Promise<void> {
  for (;;) {
    const status = procFile(pid, 'status');
    const caught = BigInt(`0x${/^SigCgt:\s*(.*)$/m.exec(status)?.[1] ?? '0'}`);
    const listens = ENDING_SIGNALS.every((name) => (caught >> BigInt(constants.signals[name] - 1)) & 1n);
    if (listens || status === '') return;
    await delay(10);
  }
}

/** For how many milliseconds a process was ready from now on and got no processor, which other programs had. */
async function processorWait(pid: number, ended: Promise<unknown>): Promise<number> {
  const end = new AbortController();
  void ended.then(() => end.abort());
  const waits: number[] = [];
  while (!end.signal.aborted) {
    const [, waitNs] = procFile(pid, 'schedstat').split(' ');
    if (waitNs !== undefined) waits.push(Number(waitNs) / 1e6);
    await delay(5);
  }
  return (waits.at(-1) ?? 0) - (waits[0] ?? 0);
}

/** What the system tells of a process; nothing of one that has gone. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** Of a process, or of any in the group of its number, if negative. */
function isThere(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch {
    return false;
  }
}

/** Paths of files in a folder, and of those in folders in it. */
function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name, parentPath }) => `${parentPath}/${name}`.slice(folder.length + 1));
}
