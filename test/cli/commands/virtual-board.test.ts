import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { mmfree, mmfreeJson, startBoard, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { goodImage } from '../../helpers/good-image.js';
import { hasProgram } from '../../helpers/system.js';
import { newSigner } from '../../helpers/signer.js';

const path = temporaryFolder();
const MAIN = new URL('../../../dist/cli/main.js', import.meta.url).pathname;

beforeAll(async () => {
  await writeFile(path('small'), goodImage(1, { name: 'small', tokenizer: new Uint8Array(0) }));
  await writeFile(path('short.flash'), 'short');
  await writeFile(path('rsa.pem'), 'no key');
  await writeFile(path('key.pem'), newSigner().pem);
});

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a virtual board', () => {
  it('says how it is reached, and ends at Ctrl-C as interrupted', async () => {
    const board = await startBoard('--serial-number', 'T-1');
    expect(board.selector).toMatch(/^tcp:127\.0\.0\.1:\d+$/);
    expect((await mmfreeJson('boards')).result).toMatchObject({ boards: 1 });
    expect(await board.stop()).toBe(130);
    expect((await mmfreeJson('boards')).result).toMatchObject({ boards: 0 });
  });

  it('keeps its images in a file', async () => {
    const options = ['--flash-file', path('flash'), '--flash-mib', '1'];
    const first = await startBoard(...options);
    expect((await mmfreeJson('flash', path('small'))).exit).toBe(0);
    await first.stop();
    const second = await startBoard(...options);
    const { events } = await mmfreeJson('boards');
    expect(events.find(({ type }) => type === 'board')).toMatchObject({ image: { name: 'small', confirmed: true } });
    await second.stop();
    const third = await startBoard(...options, '--signer', path('key.pem'));
    expect(third.events().find(({ type }) => type === 'ready')).toMatchObject({ image_sha256: null });
    await third.stop();
  });

  it.each([
    ['a fault of no kind', ['--fault', 'melt:1']],
    ['a fault without a number', ['--fault', 'drop']],
    ['a chance above 1', ['--fault', 'damage:1.5']],
    ['half a layer', ['--fault', 'flip:0.5']],
    ['a layer that is not there', ['--fault', 'flip:2', '--image', 'small']],
    ['an address without a port', ['--tcp', 'localhost']],
    ['an address of another computer', ['--tcp', '192.0.2.1:0']],
    ['a flash file of another size', ['--flash-file', 'short.flash']],
    ['an image that does not fit', ['--image', TALES_IMAGE, '--flash-mib', '2']],
    ['a serial number with spaces', ['--serial-number', 'T 1']],
    ['a serial number that looks like a selector', ['--serial-number', 'tcp:1:1']],
    ['a signer that is no key', ['--signer', 'rsa.pem']],
    ['three slots', ['--slots', '3']],
    ['a window of 33', ['--window', '33']],
    ['a fault that is empty', ['--fault', '']],
    ['a layer below 0', ['--fault', 'flip:-1']],
    ['a chance without digits', ['--fault', 'drop:.']],
    ['half an operation', ['--fault', 'power-cut:1.5']],
    ['a port number above 65535', ['--tcp', '127.0.0.1:65536']],
    ['an address with a name that is none', ['--tcp', 'a..b:0']],
    ['a serial port that is not there', ['--port', '/dev/ttyNothing']],
    ['a serial port that is none', ['--port', '/dev/null']],
    ['a serial port with a baud rate of 0', ['--port', '/dev/null@0']],
    ['a serial port without a name', ['--port', '']],
    ['a flash file that is a folder', ['--flash-file', '/']],
    ['a flash file in a folder that is not there', ['--flash-file', '/no/such/folder/flash']],
    ['a serial number of 65 characters', ['--serial-number', 'x'.repeat(65)]],
    ['no flash at all', ['--flash-mib', '0']],
    ['a USB/IP address without a port', ['--usbip', 'localhost']],
    ['a USB/IP address of another computer', ['--usbip', '192.0.2.1:0']],
    ['a way to detach that there is not', ['--usbip', '127.0.0.1:0', '--dfu', 'never']],
    ['a way to detach without USB', ['--dfu', 'will-detach']],
    ['a way to detach for a gadget', ['--gadget', '--dfu', 'reset']],
    ['two USB ports', ['--gadget', '--usbip']],
    ['a USB device controller that is not there', ['--gadget', 'no-such-controller']],
  ])('refuses %s', async (_, options) => {
    const known = new Set(['small', 'short.flash', 'rsa.pem']);
    const args = options.map((option) => (known.has(option) ? path(option) : option));
    const { exit, stderr } = await mmfree('virtual-board', ...args);
    expect([exit, stderr.lines.length]).toEqual([2, 3]);
  });

  it('refuses two faults of a kind, of which it could have only one', async () => {
    const options = ['--image', path('small'), '--fault', 'flip:0', '--fault', 'flip:1'];
    const refused = startBoard(...options).then(async (board) => `ended with ${await board.stop()}`);
    await expect(refused).rejects.toThrow('ended with 2');
  });

  it('refuses a network port that another one has', async () => {
    const first = await startBoard();
    for (const option of ['--tcp', '--usbip']) {
      const { exit, stderr } = await mmfree('virtual-board', option, first.selector.slice('tcp:'.length));
      expect([exit, stderr.lines.length]).toEqual([2, 3]);
      expect(stderr.text).toContain('Another program listens there.');
    }
    await first.stop();
  });

  it('is on USB/IP beside the network, and alone', async () => {
    const beside = await startBoard('--usbip', '127.0.0.1:0', '--tcp', '127.0.0.1:0', '--serial-number', 'U-1');
    expect(beside.events().find(({ type }) => type === 'ready')).toMatchObject({
      addresses: [expect.stringMatching(/^tcp:/), expect.stringMatching(/^usbip:127\.0\.0\.1:\d+\/1-1$/)],
      usb: [{ kind: 'usbip', host: '127.0.0.1', bus_id: '1-1' }],
    });
    expect(await beside.stop()).toBe(130);
    const alone = await startBoard('--usbip', '127.0.0.1:0', '--dfu', 'reset');
    expect(alone.selector).toMatch(/^usbip:/);
    expect(await alone.stop()).toBe(130);
  });

  it('refuses an image that is damaged', async () => {
    expect((await mmfree('virtual-board', '--image', path('short.flash'))).exit).toBe(6);
  });

  it('with one slot and one buffer works all the same', async () => {
    const board = await startBoard('--slots', '1', '--window', '1', '--flash-mib', '1');
    expect((await mmfreeJson('flash', path('small'))).exit).toBe(0);
    expect(
      (await mmfreeJson('verify', '--board', board.selector, '--image', path('small'), '--tokens', '20')).exit,
    ).toBe(0);
    await board.stop();
  });
});

describe.skipIf(!hasProgram('script'))('a virtual board behind a serial port', () => {
  it('computes right, serves one program at a time, and comes back for the next when one was killed', async () => {
    const child = spawn(process.execPath, [MAIN, 'virtual-board', '--json', '--pty', '--image', TALES_IMAGE], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let selector = '';
      for await (const line of createInterface({ input: child.stdout })) {
        const event = JSON.parse(line) as { type: string; addresses?: string[] };
        selector = event.addresses?.[0] ?? '';
        if (event.type === 'ready') break;
      }
      expect(selector).toMatch(/^serial:\/dev\//);
      const args = ['--json', 'run', '--board', selector, '--max-tokens', '5000', 'Once'];
      const killed = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
      for await (const line of createInterface({ input: killed.stdout })) if (line.includes('"token"')) break;
      expect((await mmfreeJson('run', '--board', selector, 'x')).result).toMatchObject({
        exit: 5,
        error: { code: 'board-busy', message: expect.stringContaining('is in use') },
      });
      const gone = new Promise((resolve) => killed.once('exit', resolve));
      killed.kill('SIGKILL');
      await gone;
      expect((await mmfreeJson('verify', '--board', selector, '--tokens', '10')).exit).toBe(0);
    } finally {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      expect(await gone).toBe(130);
    }
  });
});
