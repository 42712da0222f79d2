/** What only a real process shows: signals, pipes and a full disk. Uses the compiled program, as users do. */

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const compiled = (name: string): string => new URL(`../../dist/cli/${name}`, import.meta.url).href;

/** A program with one command, `count`, which prints lines until it is stopped, or 3 with `--few`. */
const COUNT = `
  import { setImmediate } from 'node:timers/promises';
  import { defineCommand, flag } from '${compiled('command.js')}';
  import { processHost } from '${compiled('host.js')}';
  import { runProgram } from '${compiled('program.js')}';
  const spec = defineCommand({
    parameters: { few: flag('--few', 'stop at 3'), stubborn: flag('--stubborn', 'ignore Ctrl-C') },
    load: async () => async ({ few, stubborn }, { output, signal }) => {
      for (let i = 0; !few || i < 3; i++) {
        output.print(i + '\\n');
        await setImmediate();
        if (!stubborn) signal.throwIfAborted();
      }
    },
  });
  process.exit(await runProgram([{ name: 'count', summary: 'count', load: async () => spec }], processHost()));
`;

function start(args: readonly string[], stdout: 'pipe' | number = 'pipe'): ChildProcess {
  // With --eval no script stands in front of the arguments.
  const script = ['--input-type=module', '--eval', COUNT, '--', 'script'];
  return spawn(process.execPath, [...script, ...args], { stdio: ['ignore', stdout, 'pipe'] });
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

async function end(child: ChildProcess): Promise<Ended> {
  const [stderr, [code, signal]] = await Promise.all([
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'exit') as Promise<[number | null, string | null]>,
  ]);
  return { code, signal, stderr };
}

describe('a process', () => {
  it('writes everything before it ends', async () => {
    const child = start(['count', '--few']);
    expect(await Promise.all([text(child.stdout!), end(child)])).toEqual([
      '0\n1\n2\n',
      { code: 0, signal: null, stderr: '' },
    ]);
  });

  it('ends quietly when its reader goes away', async () => {
    const child = start(['count']);
    child.stdout!.once('data', () => child.stdout!.destroy());
    expect(await end(child)).toEqual({ code: 130, signal: null, stderr: '' });
  });

  it.each([
    ['SIGINT', 130, 'interrupted'],
    ['SIGTERM', 143, 'terminated'],
    ['SIGHUP', 129, 'hung up'],
  ] as const)('ends at %s with exit code %i', async (signal, code, word) => {
    const child = start(['count']);
    child.stdout!.resume().once('data', () => child.kill(signal));
    expect(await end(child)).toEqual({ code, signal: null, stderr: `${word}\n` });
  });

  it('ends though its command does not listen', async () => {
    const child = start(['count', '--stubborn']);
    child.stdout!.resume().once('data', () => child.kill('SIGTERM'));
    expect(await end(child)).toEqual({ code: 143, signal: null, stderr: 'terminated\n' });
  });

  it('ends though nobody takes its output', async () => {
    const child = start(['count']);
    // A full pipe: what is written last never comes through.
    await once(child.stdout!, 'readable');
    setTimeout(() => child.kill('SIGHUP'), 300);
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(129);
    child.stdout!.destroy();
  });

  it('ends at once at the second Ctrl-C', async () => {
    const child = start(['count', '--stubborn']);
    child.stdout!.resume();
    // It listens when it prints.
    await once(child.stdout!, 'data');
    const again = setInterval(() => child.kill('SIGINT'), 20);
    try {
      // Without the last word, for which there is time only after the first.
      expect(await end(child)).toEqual({ code: 130, signal: null, stderr: '' });
    } finally {
      clearInterval(again);
    }
  });

  it.runIf(existsSync('/dev/full'))('fails when the disk is full', async () => {
    const full = openSync('/dev/full', 'w');
    const child = start(['count', '--few'], full);
    closeSync(full);
    const { code, stderr } = await end(child);
    expect([code, stderr.split('\n')[0]]).toEqual([8, 'error: the output: no space left on device']);
  });
});

describe('mmfree', () => {
  it('says which command lines it understands', async () => {
    const child = spawn(process.execPath, [new URL(compiled('main.js')).pathname, '--help']);
    expect(await text(child.stdout)).toMatch(/^Usage: mmfree /);
  });
});
