/**
 * A pseudo-terminal as the board's serial port, for programs that know serial ports only.
 *
 * Node cannot open one; `script` of util-linux, which every Debian has, opens it and passes its bytes through pipes
 * (87 MB/s measured). What runs on the terminal only makes it raw, says its name, and ends when this process does.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { removeAtExit } from '../../../model/files/leftovers.js';
import { streamWire } from './stream-wire.js';
import type { Wire } from './wire.js';

export interface PseudoTerminal {
  /** Of the device that hosts open, such as `/dev/pts/3`. */
  readonly path: string;
  readonly wire: Wire;
}

const ON_TERMINAL = 'stty raw -echo && tty && while kill -0 "$MMFREE_BOARD_PID" 2>/dev/null; do sleep 1; done';

/** @throws the operating system's error if there is no `script`; Error if it opens no terminal */
export async function openPseudoTerminal(): Promise<PseudoTerminal> {
  const child = spawn('script', ['--quiet', '--flush', '--command', ON_TERMINAL, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, MMFREE_BOARD_PID: String(process.pid), SHELL: '/bin/sh' },
    // Ctrl-C is for the board, which then takes the terminal away.
    detached: true,
  });
  await once(child, 'spawn');
  let name = '';
  for await (const piece of child.stdout.iterator({ destroyOnReturn: false })) {
    name += String(piece);
    if (name.includes('\n')) break;
  }
  const path = name.trim();
  if (!path.startsWith('/dev/')) {
    child.kill();
    throw new Error(`script opened no terminal: ${path.slice(0, 200)}`);
  }
  child.unref();
  const isKilled = removeAtExit(() => child.kill());
  const close = (): void => {
    child.kill();
    isKilled();
  };
  return { path, wire: streamWire(child.stdout, child.stdin, close) };
}
