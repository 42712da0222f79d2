/** The board in C on a TCP port, with the command line at the other end: tales, a flash, the image before. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileSources, HAS_C_COMPILER } from '../helpers/c-compiler.js';
import { mmfreeJson, TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SMALL_TALES_IMAGE = join(ROOT, 'models/tales-4m/tales-4m.mmfree');

describe.skipIf(!HAS_C_COMPILER)('the board in C on a TCP port', () => {
  const at = temporaryFolder();
  let board: ChildProcess | undefined;
  let selector = '';
  beforeAll(async () => {
    const program = await compileSources([join(ROOT, 'firmware/host/tcp-board.c')], at('tcp-board'), ['-O2']);
    board = spawn(program, ['0', TALES_IMAGE], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(board.stdout!, 'data')) as [Buffer];
    selector = line.toString().trim();
  });
  afterAll(async () => {
    if (board === undefined) return;
    board.kill();
    await once(board, 'exit');
  });

  it('tells a tale, each receipt that of the reference', async () => {
    const options = ['--board', selector, '--max-tokens', '20', '--check', '--temperature', '0.8', '--seed', '3'];
    const { exit, result } = await mmfreeJson('run', 'Once upon a time', ...options);
    expect(exit).toBe(0);
    expect(result).toMatchObject({ tokens: 20, receipts_checked: 20 });
  });

  it('takes another image, computes it, and goes back', async () => {
    expect(await mmfreeJson('flash', SMALL_TALES_IMAGE, '--board', selector)).toMatchObject({ exit: 0 });
    const { exit } = await mmfreeJson('verify', '--board', selector, '--image', SMALL_TALES_IMAGE, '--tokens', '4');
    expect(exit).toBe(0);
    expect(await mmfreeJson('revert', '--board', selector)).toMatchObject({ exit: 0 });
    expect(await mmfreeJson('verify', '--board', selector, '--tokens', '4')).toMatchObject({ exit: 0 });
  });

  it('hangs up on whoever does not begin as a host does', async () => {
    const socket = connect(Number(selector.split(':')[2]), '127.0.0.1');
    const closed = once(socket, 'close');
    socket.resume().write('GET / HTTP/1.1\r\n\r\n');
    expect(await closed).toBeDefined();
  });
});
