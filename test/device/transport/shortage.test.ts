/** A process that has no descriptor left, on every way to a board. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeProblem } from '../../../cli/advice/describe-problem.js';
import { EXIT } from '../../../cli/exit-codes.js';
import { openError } from '../../../device/transport/serial-transport.js';

const module = (path: string): string => JSON.stringify(join(import.meta.dirname, '../../../dist', path));
const PROGRAM = `
  const { describeProblem } = await import(${module('cli/advice/describe-problem.js')});
  const { openTcp } = await import(${module('device/transport/tcp-transport.js')});
  const { connectUsbip } = await import(${module('device/usb/usbip/usbip-socket.js')});
  const { lockFile } = await import(${module('model/files/file-lock.js')});
  const { openSync } = await import('node:fs');
  try { for (;;) openSync('/dev/null'); } catch {}
  const told = [];
  for (const open of [() => openTcp('127.0.0.1', 9), () => connectUsbip('usbip:127.0.0.1', '127.0.0.1', 9), async () => lockFile(0, 'flash')]) {
    await open().catch((error) => told.push(describeProblem(error)));
  }
  process.stdout.write(JSON.stringify(told));`;

const WORDS = {
  exit: EXIT.transferFailed,
  message: expect.stringMatching(/^\S+ cannot be opened$/) as string,
  cause: expect.stringContaining('refused with EMFILE') as string,
  fix: expect.stringContaining('`ulimit -n`') as string,
};

// It said that no board was there.
it('is told what it lacks when it opens a connection or locks a file', () => {
  const shell = ['-c', 'ulimit -n 100; exec "$@"', 'sh', process.execPath, '--input-type=module', '--eval', PROGRAM];
  const { stdout } = spawnSync('sh', shell, { encoding: 'utf8' });
  const [tcp, usbip, lock] = JSON.parse(stdout) as unknown[];
  expect(tcp).toMatchObject(WORDS);
  expect(usbip).toMatchObject(WORDS);
  expect(lock).toMatchObject({ ...WORDS, message: 'flock: spawnSync flock EMFILE' });
});

it('is told so when it opens a serial port', () => {
  const error = openError('/dev/ttyACM0', new Error('Error: Too many open files, cannot open /dev/ttyACM0'));
  expect(describeProblem(error)).toMatchObject(WORDS);
});
