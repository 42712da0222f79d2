/** The command line with boards on USB: over USB/IP, in this process, without a driver. */

import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readDfuSuffix } from '../../../protocol/dfu-suffix.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { mmfree, mmfreeJson, startBoard, temporaryFolder, writeTextCheckpoint } from '../../helpers/command-line.js';
import type { RunningBoard } from '../../helpers/command-line.js';
import { goodImage, goodImageOf } from '../../helpers/good-image.js';
import { newSigner } from '../../helpers/signer.js';
import { TINY_SHAPE, tinyImage, tinySections } from '../../helpers/tiny-image.js';

const path = temporaryFolder();
const OWNER = newSigner();
const NEW = goodImageOf(tinySections(5, { ...TINY_SHAPE, vocabSize: 5000, hiddenSize: 15 }), { name: 'new' });

let board: RunningBoard | undefined;
let selector = '';

beforeAll(async () => {
  const files: Readonly<Record<string, Uint8Array | string>> = {
    old: goodImage(1, { name: 'old' }),
    new: NEW,
    wrong: tinyImage(3, { name: 'wrong' }),
    damaged: NEW.with(5000, NEW[5000]! ^ 1),
    'key.pem': OWNER.pem,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(path(name), content);
  await writeTextCheckpoint(path('checkpoint'));
});

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(async () => {
  await board?.stop();
  board = undefined;
  vi.unstubAllEnvs();
});

async function start(...options: string[]): Promise<void> {
  board = await startBoard('--usbip', '127.0.0.1:0', '--serial-number', 'U-1', ...options);
  selector = board.selector.replace('/1-1', '');
}

async function imageOnBoard(): Promise<unknown> {
  const { events } = await mmfreeJson('boards', '--board', selector);
  const { image } = events.find(({ type }) => type === 'board') as { image: Record<string, unknown> | null };
  return image === null ? null : [image['name'], image['confirmed']];
}

describe('flash over USB', () => {
  it.each(['always', 'reset', 'will-detach'])('brings an image onto a board, and says how (%s)', async (mode) => {
    await start('--dfu', mode, '--image', path('old'));
    const { exit, stdout, stderr } = await mmfree('flash', path('new'), '--board', selector);
    expect([exit, stderr.text]).toEqual([0, '']);
    expect(stdout.text).toMatch(
      /^virtual U-1 runs new: .* written in .* s, read back as sha256 [0-9a-f]{16}…; .* of it compared; it repeats the self-test, 4 receipts equal\n$/,
    );
    expect(await imageOnBoard()).toEqual(['new', true]);
    expect((await mmfreeJson('flash', path('new'), '--board', selector)).result).toMatchObject({
      exit: 0,
      over: 'DFU',
      outcome: 'already-there',
      written_bytes: 0,
      kept_bytes: NEW.length,
    });
  });

  it('says what it would do, and does nothing', async () => {
    await start('--image', path('old'));
    const { result } = await mmfreeJson('flash', path('new'), '--board', `${selector}/1-1`, '--dry-run');
    expect(result).toMatchObject({ exit: 0, dry_run: true, differing_bytes: NEW.length });
    expect(await imageOnBoard()).toEqual(['old', true]);
  });

  it('is refused by the board before anything is erased, with its own exit code', async () => {
    await start('--signer', path('key.pem'));
    const { exit, result } = await mmfreeJson('flash', path('new'), '--board', selector);
    expect([exit, result['error']]).toEqual([14, expect.objectContaining({ code: 'board-not-signed' })]);
  });

  it('of a model that computes other tokens leaves the old one running', async () => {
    await start('--image', path('old'));
    const { exit } = await mmfree('flash', path('wrong'), '--board', selector);
    expect(exit).toBe(8);
    expect(await imageOnBoard()).toEqual(['old', true]);
  });

  it('of a damaged file does not reach the board', async () => {
    await start();
    expect((await mmfree('flash', path('damaged'), '--board', 'usbip:127.0.0.1:1')).exit).toBe(6);
  });

  it('finds no board where there is none', async () => {
    await start();
    for (const absent of ['usbip:127.0.0.1:1', `${selector}/2-1`, 'usb:9-9', 'usb:1209:0001:X']) {
      expect((await mmfree('flash', path('new'), '--board', absent)).exit, absent).toBe(3);
    }
  });
});

describe('a DFU file', () => {
  it('is made by pack, and taken by flash', async () => {
    const { result } = await mmfreeJson('pack', path('checkpoint'), '-o', path('model.dfu'), '--dfu');
    const plain = await mmfreeJson('pack', path('checkpoint'), '-o', path('model.mmfree'));
    expect(result['file_sha256']).toBe(plain.result['file_sha256']);
    const [file, image] = [await readFile(path('model.dfu')), await readFile(path('model.mmfree'))];
    expect(file.subarray(0, -16).equals(image)).toBe(true);
    expect(readDfuSuffix(memorySource(file))).toEqual({
      ids: { vendor: 0x1209, product: 1, release: 0xffff },
      suffixBytes: 16,
    });
    // It is an image wherever images are taken.
    expect((await mmfreeJson('inspect', path('model.dfu'))).result).toMatchObject({
      exit: 0,
      sha256: result['sha256'],
    });
    await start();
    const flashed = await mmfreeJson('flash', path('model.dfu'), '--board', selector);
    expect(flashed.result).toMatchObject({ exit: 0, sha256: plain.result['file_sha256'] });
    // Also over the serial protocol.
    const other = await startBoard();
    expect((await mmfree('flash', path('model.dfu'), '--board', other.selector)).exit).toBe(0);
    await other.stop();
  });

  it('for another device is refused, and a damaged one', async () => {
    await start();
    // As dfu-suffix 0.11 writes it for 0483:df11.
    const foreign = Buffer.concat([NEW, suffixFor(0x0483, 0xdf11, NEW)]);
    await writeFile(path('foreign.dfu'), foreign);
    await writeFile(path('damaged.dfu'), foreign.with(100, foreign[100]! ^ 1));
    const { exit, result } = await mmfreeJson('flash', path('foreign.dfu'), '--board', selector);
    expect([exit, result['error']]).toEqual([
      7,
      expect.objectContaining({ code: 'board-other-device', cause: expect.stringContaining('0483:df11') }),
    ]);
    expect((await mmfree('flash', path('damaged.dfu'), '--board', selector)).exit).toBe(6);
    expect(await imageOnBoard()).toBeNull();
  });
});

describe('any file, to any DFU device', () => {
  it('is an image for a board, if its memory is named', async () => {
    await start();
    const { exit, stdout } = await mmfree('flash', path('new'), '--board', selector, '--dfu-alt', 'weights');
    expect([exit, stdout.text]).toEqual([0, expect.stringContaining('read back, it is the same')]);
    expect(await imageOnBoard()).toEqual(['new', true]);
  });

  it.each([
    ['nonsense', 7, 'board-not-flashable'],
    // What is reserved takes nothing yet.
    ['gateware', 7, 'board-other-device'],
  ])('is refused for the memory %s', async (name, code, error) => {
    await start();
    const { exit, result } = await mmfreeJson('flash', path('new'), '--board', selector, '--dfu-alt', name);
    expect([exit, result['error']]).toEqual([code, expect.objectContaining({ code: error })]);
  });

  it('cannot be tried out, and does not go to a serial port', async () => {
    await start();
    const options = ['--board', selector, '--dfu-alt', 'weights', '--dry-run'];
    expect((await mmfree('flash', path('new'), ...options)).exit).toBe(2);
    // It would mean nothing without a device of another make.
    expect((await mmfree('flash', path('new'), '--board', selector, '--request-timeout', '9')).exit).toBe(2);
    expect((await mmfree('flash', path('new'), '--board', 'serial:/dev/null', '--dfu-alt', 'x')).exit).toBe(7);
  });
});

/** Bit by bit, from DFU 1.1, appendix B. */
function suffixFor(vendor: number, product: number, content: Uint8Array): Buffer {
  const suffix = Buffer.from('ffff0000000000015546441000000000', 'hex');
  suffix.writeUInt16LE(product, 2);
  suffix.writeUInt16LE(vendor, 4);
  let crc = 0xffff_ffff;
  for (const byte of [...content, ...suffix.subarray(0, 12)]) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  suffix.writeUInt32LE(crc >>> 0, 12);
  return suffix;
}
