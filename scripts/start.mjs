/**
 * `npm start`: installs, builds, packs the shipped model, flashes it to a virtual board, and lets that tell a tale
 * whose every token is compared with the reference.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureBuilt, ensureInstalled, exitUnlessZero, root, runMmfree, say } from './setup.mjs';

ensureInstalled();
ensureBuilt();

const folder = mkdtempSync(join(tmpdir(), 'mmfree-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const image = join(folder, 'tales-9m.mmfree');

say('pack the shipped checkpoint (18 MB of float16 weights)');
exitUnlessZero(runMmfree(['pack', join(root, 'models/tales-9m'), '-o', image]));

say('start a virtual board: another process, behind a serial port');
const board = await startBoard(['--pty']).catch(() => startBoard(['--tcp', '127.0.0.1:0']));

say(`flash the image to it: ${board}`);
exitUnlessZero(runMmfree(['flash', image, '--board', board]));

say('the board tells a tale; the integer reference on this computer checks each token');
const tale = ['--image', image, '--max-tokens', '250', '--seed', '11', 'Once upon a time'];
process.exitCode = runMmfree(['run', '--board', board, '--check', ...tale]);
process.exit();

/** Starts a virtual board, which ends with this process; its selector. */
async function startBoard(options) {
  const main = join(root, 'dist/cli/main.js');
  const child = spawn(process.execPath, [main, 'virtual-board', '--json', ...options], {
    stdio: ['ignore', 'pipe', 'ignore'],
    // Ctrl-C is for the command in front; this process ends the board.
    detached: true,
  });
  process.on('exit', () => child.kill('SIGTERM'));
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.type === 'ready') return event.addresses[0];
  }
  throw new Error('the virtual board did not start');
}
