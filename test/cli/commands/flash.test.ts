import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { COMMANDS, mmfree, mmfreeJson, startBoard, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import type { RunningBoard } from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { goodImage, goodImageOf } from '../../helpers/good-image.js';
import { newSigner } from '../../helpers/signer.js';
import { TINY_SHAPE, tinyImage, tinySections } from '../../helpers/tiny-image.js';

const path = temporaryFolder();
const OWNER = newSigner();
const STRANGER = newSigner();
const OLD = goodImage(1, { name: 'old' });
const NEW = goodImage(2, { name: 'new' });
/** Larger than what is under way at a time. */
const LARGE = goodImageOf(tinySections(5, { ...TINY_SHAPE, vocabSize: 20_000, hiddenSize: 15 }), { name: 'large' });
/** The same model, packed with a higher revision: other bytes at both ends, the same weights between them. */
const REPACKED = goodImageOf(tinySections(5, { ...TINY_SHAPE, vocabSize: 20_000, hiddenSize: 15 }), {
  name: 'large',
  revision: 1,
});
const SECTOR_BYTES = 4096;
const MAIN = new URL('../../../dist/cli/main.js', import.meta.url).pathname;

let board: RunningBoard | undefined;

beforeAll(async () => {
  const broken = goodImage(2, { sign: OWNER.sign });
  const files: Record<string, Uint8Array | string> = {
    old: OLD,
    new: NEW,
    large: LARGE,
    repacked: REPACKED,
    newer: goodImage(2, { name: 'new', revision: 3 }),
    signed: goodImage(2, { sign: OWNER.sign }),
    strange: goodImage(2, { sign: STRANGER.sign }),
    foreign: goodImage(3, { sign: STRANGER.sign }),
    // The last byte is of the public key's place in the seal, the 40th before it of the signature.
    broken: broken.with(broken.length - 60, broken[broken.length - 60]! ^ 1),
    damaged: NEW.with(5000, NEW[5000]! ^ 1),
    wrong: tinyImage(3, { name: 'wrong' }),
    'key.pem': OWNER.pem,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(path(name), content);
});

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(async () => {
  await board?.stop();
  board = undefined;
  vi.unstubAllEnvs();
});

async function imageOnBoard(): Promise<unknown> {
  const { events } = await mmfreeJson('boards', '--board', board?.selector ?? '');
  const { image } = events.find(({ type }) => type === 'board') as { image: Record<string, unknown> | null };
  return image === null ? null : [image['name'], image['confirmed']];
}

describe('flash', () => {
  it('brings an image onto the only board there is, and says so', async () => {
    board = await startBoard('--serial-number', 'T-1');
    expect(await imageOnBoard()).toBeNull();
    const { exit, stdout, stderr } = await mmfree('flash', path('new'));
    expect([exit, stderr.text]).toEqual([0, '']);
    expect(stdout.text).toMatch(
      /^virtual T-1 runs new: .* written in .* s, read back as sha256 [0-9a-f]{16}…; it repeats the self-test, 4 receipts equal\n$/,
    );
    expect(await imageOnBoard()).toEqual(['new', true]);
  });

  it('writes what differs, and nothing when all is there', async () => {
    board = await startBoard('--image', path('old'));
    const first = await mmfreeJson('flash', path('new'));
    expect(first.result).toMatchObject({ exit: 0, outcome: 'flashed', written_bytes: NEW.length, kept_bytes: 0 });
    const again = await mmfreeJson('flash', path('new'));
    expect(again.result).toMatchObject({ exit: 0, outcome: 'already-there', written_bytes: 0, tested_tokens: 4 });
    // The other slot still holds the old image, of which a sector or two are the same in each image.
    const back = await mmfreeJson('flash', path('old'));
    expect(back.result).toMatchObject({ exit: 0, outcome: 'flashed', written_bytes: 0, kept_bytes: OLD.length });
    expect(await imageOnBoard()).toEqual(['old', true]);
    expect((await mmfree('flash', path('new'))).stdout.text).toContain(' 0 MB written');
  });

  it('with --dry-run only says what differs', async () => {
    board = await startBoard('--image', path('old'));
    const { result } = await mmfreeJson('flash', path('new'), '--dry-run');
    expect(result).toMatchObject({ exit: 0, dry_run: true, differing_bytes: NEW.length });
    expect(await imageOnBoard()).toEqual(['old', true]);
  });

  it.each<[string, number, string, string[]]>([
    ['new', 7, 'board-model-too-large', ['--max-hidden', '4']],
    ['new', 13, 'board-revision-too-old', ['--minimum-revision', '2']],
    ['new', 14, 'board-not-signed', ['--signer', 'key.pem']],
    ['strange', 14, 'board-not-signed', ['--signer', 'key.pem']],
    ['broken', 15, 'image-bad-signature', ['--signer', 'key.pem']],
    ['damaged', 6, 'image-damaged', []],
  ])('refuses the image %s with %i (%s), and the board keeps what it has', async (image, exit, code, options) => {
    board = await startBoard(...options.map((option) => (option === 'key.pem' ? path(option) : option)));
    for (const dry of [['--dry-run'], []]) {
      const { result } = await mmfreeJson('flash', path(image), ...dry);
      expect(result).toMatchObject({ exit, error: { code } });
    }
    expect(await imageOnBoard()).toBeNull();
  });

  it('refuses an image that is too large for the slot with 12', async () => {
    board = await startBoard('--flash-mib', '1');
    const large = 'models/tales-9m/tales-9m.mmfree';
    const { result } = await mmfreeJson('flash', new URL(`../../../${large}`, import.meta.url).pathname);
    expect(result).toMatchObject({ exit: 12, error: { code: 'board-image-too-large' } });
  });

  it('takes what the rules of the board allow', async () => {
    board = await startBoard('--signer', path('key.pem'));
    expect((await mmfreeJson('flash', path('signed'))).exit).toBe(0);
    await board.stop();
    board = await startBoard('--minimum-revision', '3', '--max-hidden', '5');
    expect((await mmfreeJson('flash', path('newer'))).exit).toBe(0);
  });

  it('takes an image back that the board computes wrong', async () => {
    board = await startBoard('--image', path('old'));
    const { result } = await mmfreeJson('flash', path('wrong'));
    expect(result).toMatchObject({
      exit: 9,
      error: { code: 'board-wrong-tokens', facts: { position: 0, reverted: true } },
    });
    expect(await imageOnBoard()).toEqual(['old', true]);
  });

  it('that is interrupted goes on in the next run', async () => {
    board = await startBoard('--image', path('old'), '--fault', 'slow-flash:0.02');
    const process = new FakeProcess();
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (line, onWritten) => {
      write(line, onWritten);
      const event = JSON.parse(line) as { type: string; done?: number };
      if (event.type === 'progress' && (event.done ?? 0) > LARGE.length / 2) process.interrupt();
    };
    // The bar shows ten times a second; this clock runs so that it shows each step.
    process.tickMs = 100;
    const first = await process.run(COMMANDS, '--json', 'flash', path('large'));
    expect(first.exit).toBe(130);
    expect(await imageOnBoard()).toEqual(['old', true]);
    const second = await mmfreeJson('flash', path('large'));
    expect(second.result).toMatchObject({ exit: 0, outcome: 'flashed' });
    expect(second.result['kept_bytes']).toBeGreaterThan(0);
    expect(await imageOnBoard()).toEqual(['large', true]);
  });

  it('goes on by itself when the board loses its power in the middle', async () => {
    board = await startBoard('--image', path('old'), '--fault', 'power-cut:40');
    const { exit, events } = await mmfreeJson('flash', path('new'));
    expect(exit).toBe(0);
    expect(events.some(({ type, text }) => type === 'note' && String(text).includes('Looking for it'))).toBe(true);
    expect(board.events().filter(({ type }) => type === 'power')).toMatchObject([{ on: false }, { on: true }]);
    expect(await imageOnBoard()).toEqual(['new', true]);
  });

  it('works over a line that loses and garbles frames', async () => {
    board = await startBoard('--fault', 'drop:0.03', '--fault', 'damage:0.03');
    expect((await mmfreeJson('flash', path('new'))).exit).toBe(0);
  });

  it.each([
    ['a file that is not there', ['no-such-image'], 6],
    ['no image', [], 2],
    ['a board that is none', ['new', '--board', 'tcp:127.0.0.1:1'], 3],
    ['a selector that is none', ['new', '--board', 'a b'], 2],
  ])('refuses %s', async (_, [image, ...options], exit) => {
    expect((await mmfree('flash', ...(image === undefined ? [] : [path(image)]), ...options)).exit).toBe(exit);
  });

  it('without a board says so', async () => {
    expect((await mmfreeJson('flash', path('new'))).result).toMatchObject({
      exit: 3,
      error: { code: 'board-not-found' },
    });
  });

  it('reads back what it wrote', async () => {
    board = await startBoard('--flash-file', path('flash'), '--flash-mib', '1');
    await mmfreeJson('flash', path('new'));
    const bits = await readFile(path('flash'));
    expect(bits.subarray(8192, 8192 + NEW.length).equals(NEW)).toBe(true);
  });
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes of `to` in the sectors in which it differs from `from`. */
function differingBytes(from: Uint8Array, to: Uint8Array): number {
  let bytes = 0;
  for (let at = 0; at < to.length; at += SECTOR_BYTES) {
    const sector = to.subarray(at, at + SECTOR_BYTES);
    if (Buffer.compare(sector, from.subarray(at, at + sector.length)) !== 0) bytes += sector.length;
  }
  return bytes;
}

describe('an image of which little has changed', () => {
  // Of what the boot record holds only the revision changes, and its CRC-32 with it; a CRC-32 of both together does
  // not, whatever follows. A board that compares by that finds the sector unchanged, and the image damaged in the end.
  it.each([
    ['1', []],
    ['2', ['new']],
  ])('costs the sectors that differ, with %s slots', async (slots, others) => {
    board = await startBoard('--slots', slots, '--image', path('large'));
    // With two slots, the next one goes to where `large` is.
    for (const other of others) expect((await mmfreeJson('flash', path(other))).exit).toBe(0);
    const expected = differingBytes(LARGE, REPACKED);
    expect([expected > SECTOR_BYTES, expected < LARGE.length / 10]).toEqual([true, true]);
    const dry = await mmfreeJson('flash', path('repacked'), '--dry-run');
    expect(dry.result).toMatchObject({ exit: 0, differing_bytes: expected });
    const { result } = await mmfreeJson('flash', path('repacked'));
    expect(result).toMatchObject({
      exit: 0,
      outcome: 'flashed',
      written_bytes: expected,
      kept_bytes: REPACKED.length - expected,
      sha256: sha256(REPACKED),
    });
  });
});

describe('a refused image', () => {
  it.each<[string, number, string, string[]]>([
    ['large', 7, 'old', ['--max-hidden', '5']],
    [TALES_IMAGE, 12, 'old', []],
    ['new', 13, 'newer', ['--minimum-revision', '3']],
    ['new', 14, 'signed', ['--signer', 'key.pem']],
    ['foreign', 14, 'signed', ['--signer', 'key.pem']],
    ['broken', 15, 'signed', ['--signer', 'key.pem']],
    ['damaged', 6, 'old', []],
  ])('(%s, %i) leaves every bit of the flash, and %s computes on', async (image, exit, present, options) => {
    const rules = options.map((option) => (option === 'key.pem' ? path(option) : option));
    const flashFile = ['--flash-file', path(`refused-${exit}`), '--flash-mib', '1'];
    board = await startBoard('--image', path(present), ...flashFile, ...rules);
    const before = await readFile(path(`refused-${exit}`));
    expect((await mmfreeJson('flash', image === TALES_IMAGE ? image : path(image))).exit).toBe(exit);
    expect((await readFile(path(`refused-${exit}`))).equals(before)).toBe(true);
    const verified = await mmfreeJson('verify', '--board', board.selector, '--image', path(present), '--tokens', '5');
    expect(verified.result).toMatchObject({ exit: 0, mismatches: 0 });
  });
});

describe('the running model, signed by another', () => {
  // The seal's hash does not cover the signature: the two files have the same.
  it('is refused all the same', async () => {
    board = await startBoard('--image', path('signed'), '--signer', path('key.pem'));
    expect((await mmfreeJson('flash', path('strange'))).result).toMatchObject({
      exit: 14,
      error: { code: 'board-not-signed' },
    });
  });

  it('is written, and read back as what was written', async () => {
    const file = path('resigned.flash');
    board = await startBoard('--image', path('signed'), '--flash-file', file, '--flash-mib', '1');
    const { result } = await mmfreeJson('flash', path('strange'));
    const strange = await readFile(path('strange'));
    expect(result).toMatchObject({ exit: 0, outcome: 'flashed', sha256: sha256(strange) });
    expect((await readFile(file)).includes(strange)).toBe(true);
  });
});

describe('a board that computes wrong', () => {
  it('refuses the image with 9, and does not call it confirmed', async () => {
    const flashFile = ['--flash-file', path('wrong.flash'), '--flash-mib', '1'];
    board = await startBoard(...flashFile, '--image', path('old'), '--fault', 'flip:1');
    const { result } = await mmfreeJson('flash', path('new'));
    // It computes the old image wrong too, so there is none to go back to.
    expect(result).toMatchObject({ exit: 9, error: { code: 'board-wrong-tokens', facts: { reverted: false } } });
    expect(await imageOnBoard()).toEqual(['new', false]);
    await board.stop();
    // It starts nothing that it has not seen to be right, until it is mended.
    board = await startBoard(...flashFile, '--fault', 'flip:1');
    expect(await imageOnBoard()).toBeNull();
    await board.stop();
    board = await startBoard(...flashFile);
    expect(await imageOnBoard()).toEqual(['new', true]);
  });
});

describe('a program that is killed', () => {
  it('in the middle of a flash leaves what it wrote, and the next one goes on from there', async () => {
    board = await startBoard('--image', path('old'), '--fault', 'slow-flash:0.2');
    const args = ['--json', 'flash', path('large'), '--board', board.selector];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as { type: string; done?: number };
      if (event.type === 'progress' && (event.done ?? 0) > LARGE.length / 2) child.kill('SIGKILL');
    }
    expect(await exited).toEqual([null, 'SIGKILL']);
    expect(await imageOnBoard()).toEqual(['old', true]);
    const { result } = await mmfreeJson('flash', path('large'));
    expect(result).toMatchObject({
      exit: 0,
      outcome: 'flashed',
      sha256: sha256(LARGE),
    });
    expect(result['kept_bytes']).toBeGreaterThan(LARGE.length / 8);
    expect(await imageOnBoard()).toEqual(['large', true]);
  });
});
