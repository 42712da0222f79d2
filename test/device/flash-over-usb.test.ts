/** A board of ours flashed over DFU: the firmware itself on a fake USB, which takes it away at any request. */

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flashOverUsb } from '../../device/flash-over-usb.js';
import type { UsbFlashOptions, UsbFlashResult } from '../../device/flash-over-usb.js';
import { ImageFile } from '../../model/image-file.js';
import { MODEL_LIMITS } from '../../protocol/image/model-shape.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { STEPPED } from '../../protocol/wire/messages-run.js';
import { hashOf } from '../helpers/board-on-usb.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count } from '../helpers/counts.js';
import { boardErrorOf, FakeUsb } from '../helpers/fake-usb.js';
import type { Answer } from '../helpers/fake-usb.js';
import { joined } from '../helpers/frames.js';
import { goodImage, goodImageOf } from '../helpers/good-image.js';
import { PluggedBoard } from '../helpers/plugged-board.js';
import type { PluggedBoardOptions } from '../helpers/plugged-board.js';
import { newSigner } from '../helpers/signer.js';
import { TINY_SHAPE, tinyImage, tinySections } from '../helpers/tiny-image.js';

const path = temporaryFolder();
const OLD = goodImage(1, { name: 'old' });
/** Of several sectors. */
const SECTIONS = tinySections(5, { ...TINY_SHAPE, vocabSize: 900, hiddenSize: 15 });
const NEW = goodImageOf(SECTIONS, { name: 'new' });
/** The same weights, other ends. */
const REPACKED = goodImageOf(SECTIONS, { name: 'new', revision: 1 });
const OWNER = newSigner();
/** Of a common serial NOR. */
const TIMING = { eraseMs: 45, programMs: 0.4 };
/** From one request at which it happens to the next: each in the long run. */
const STEP = count(3, 1);

const SMALL = goodImage(6, { name: 'small' });
const SIGNED = goodImage(4, { name: 'signed', sign: OWNER.sign });
const LATER = goodImage(4, { name: 'later', revision: 3 });

const IMAGES: Readonly<Record<string, Uint8Array>> = {
  old: OLD,
  new: NEW,
  repacked: REPACKED,
  small: SMALL,
  wrong: tinyImage(3, { name: 'wrong' }),
};
const files = new Map<string, ImageFile>();

beforeAll(() => {
  for (const [name, bytes] of Object.entries(IMAGES)) {
    writeFileSync(path(name), bytes);
    files.set(name, ImageFile.open(path(name)));
  }
});

afterAll(() => {
  for (const file of files.values()) file.close();
});

interface Bench {
  readonly usb: FakeUsb;
  readonly board: PluggedBoard;
  readonly flash: (image: string, options?: UsbFlashOptions) => Promise<UsbFlashResult>;
}

function setUp(options: PluggedBoardOptions = { image: OLD }): Bench {
  const usb = new FakeUsb();
  const board = new PluggedBoard(usb.clock, options);
  usb.plug('1-1', board);
  const flash = async (image: string, flashOptions: UsbFlashOptions = {}): Promise<UsbFlashResult> => {
    const target = { host: usb, info: usb.info('1-1') };
    return await usb.clock.until(flashOverUsb(target, files.get(image)!, { clock: usb.clock, ...flashOptions }));
  };
  return { usb, board, flash };
}

const MODES = ['always', 'reset', 'will-detach'] as const;

describe('a flash over USB', () => {
  it.each(MODES)('brings an image onto a board that is in DFU mode %s, and has it prove that it runs', async (mode) => {
    const { board, flash } = setUp({ image: OLD, mode });
    const result = await flash('new');
    expect(board.running).toBe(hashOf(NEW));
    expect(result).toMatchObject({ outcome: 'flashed', writtenBytes: NEW.length, keptBytes: 0, testedTokens: 4 });
    expect(result.hello).toMatchObject({ serial: 'T-1', image: { name: 'new', confirmed: true } });
    expect(result.comparedBytes).toBeGreaterThan(4000);
  });

  it.each(MODES)('leaves a board alone that runs the image already (%s)', async (mode) => {
    const { usb, board, flash } = setUp({ image: NEW, mode });
    usb.onRequest = ({ setup }) => {
      if (setup?.requestType === 0x21 && setup.request <= 1) throw new Error('it was sent a download');
      return 'go-on';
    };
    expect(await flash('new')).toMatchObject({ outcome: 'already-there', writtenBytes: 0, keptBytes: NEW.length });
    expect(board.running).toBe(hashOf(NEW));
  });

  it('sends only the sectors that differ', async () => {
    const { board, flash } = setUp({ image: NEW });
    await flash('old');
    // Into the slot where the first image still lies.
    const result = await flash('repacked');
    expect(board.running).toBe(hashOf(REPACKED));
    expect(result.keptBytes).toBeGreaterThan(result.writtenBytes);
  });

  it('works on an empty board, and says how far it is', async () => {
    const { board, flash } = setUp({});
    const progress: number[] = [];
    await flash('new', { onProgress: (done) => void progress.push(done) });
    expect(board.running).toBe(hashOf(NEW));
    expect([progress[0], progress.at(-1)]).toEqual([0, NEW.length]);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  });

  it('waits for a flash that takes its time', async () => {
    const { usb, board, flash } = setUp({ image: OLD, timing: TIMING });
    const startMs = usb.clock.now();
    await flash('new');
    expect(board.running).toBe(hashOf(NEW));
    expect(usb.clock.now() - startMs).toBeGreaterThan(100);
  });
});

describe('a board that does not take the image', () => {
  it.each<[string, PluggedBoardOptions, string, string, RegExp]>([
    [
      'not signed',
      { image: SIGNED, policy: { limits: MODEL_LIMITS, minimumRevision: 0, signer: OWNER.publicKey } },
      'new',
      'board-not-signed',
      /signed/,
    ],
    [
      'too old',
      { image: LATER, policy: { limits: MODEL_LIMITS, minimumRevision: 3 } },
      'new',
      'board-revision-too-old',
      /3/,
    ],
    [
      'too large a model',
      { image: OLD, policy: { limits: { ...MODEL_LIMITS, hiddenSize: 8 }, minimumRevision: 0 } },
      'new',
      'board-model-too-large',
      /hidden size/,
    ],
  ])('says why (%s), before anything is erased', async (_, options, image, code, reason) => {
    const { board, flash } = setUp(options);
    const before = hashOf(board.bits);
    const error = await boardErrorOf(flash(image));
    expect([error.code, error.reason]).toEqual([code, expect.stringMatching(reason)]);
    expect(hashOf(board.bits)).toBe(before);
    expect(board.running).toBe(hashOf(options.image!));
  });

  it('finds by itself that an image computes other tokens, and goes on with the old one', async () => {
    const { board, flash } = setUp();
    const error = await boardErrorOf(flash('wrong'));
    expect(error.code).toBe('board-write-failed');
    expect(board.running).toBe(hashOf(OLD));
    // And the next one is taken.
    expect(await flash('new')).toMatchObject({ outcome: 'flashed' });
  });
});

describe('a board that goes away', () => {
  it.each(MODES)('at any request is found again, and has the image at the end (%s)', async (mode) => {
    const whole = setUp({ image: OLD, mode });
    await whole.flash('small');
    for (let index = 0; index < whole.usb.requests; index += STEP) {
      const { usb, board, flash } = setUp({ image: OLD, mode });
      usb.onRequest = (request) => {
        if (request.index !== index) return 'go-on';
        usb.clock.after(500, () => usb.plug('1-1', board));
        return 'unplug';
      };
      const lost: string[] = [];
      const result = await flash('small', { onLost: ({ message }) => void lost.push(message) });
      expect(board.running, `request ${index}`).toBe(hashOf(SMALL));
      expect(result.hello.image?.confirmed).toBe(true);
      expect(lost.length, `request ${index}`).toBeLessThanOrEqual(1);
    }
  });

  it('goes on with what is missing', async () => {
    const { usb, board, flash } = setUp();
    let blocks = 0;
    usb.onRequest = ({ setup }) => {
      if (setup?.requestType !== 0x21 || setup.request !== 1) return 'go-on';
      if (++blocks !== 4) return 'go-on';
      usb.clock.after(500, () => usb.plug('1-1', board));
      return 'unplug';
    };
    await flash('new');
    // Every block once, the one that was lost twice, and the two ends of downloads.
    expect(blocks).toBe(Math.ceil(NEW.length / 4096) + 2);
  });

  it('may come back elsewhere, while a twin has its place, which is not written to', async () => {
    const { usb, board, flash } = setUp();
    const twin = new PluggedBoard(usb.clock, { serial: 'T-2', image: OLD });
    const before = hashOf(twin.bits);
    let isGone = false;
    usb.onRequest = ({ setup }) => {
      if (isGone || setup?.requestType !== 0x21 || setup.request !== 1) return 'go-on';
      isGone = true;
      usb.clock.after(300, () => usb.plug('1-1', twin));
      usb.clock.after(900, () => usb.plug('1-2', board));
      return 'unplug';
    };
    await flash('new');
    expect([board.running, twin.running]).toEqual([hashOf(NEW), hashOf(OLD)]);
    expect(hashOf(twin.bits)).toBe(before);
  });

  it('for good is lost, and its twin is left alone', async () => {
    const { usb, flash } = setUp();
    const twin = new PluggedBoard(usb.clock, { serial: 'T-2', image: OLD });
    usb.onRequest = ({ index }) => {
      if (index !== 40) return 'go-on';
      usb.clock.after(300, () => usb.plug('1-1', twin));
      return 'unplug';
    };
    const error = await boardErrorOf(flash('new'));
    expect([error.code, error.reason]).toEqual(['board-lost', expect.stringContaining('In its place is fake:1-1')]);
    expect(twin.running).toBe(hashOf(OLD));
  });

  it('again and again is given up, when it gets no further', async () => {
    const { usb, board, flash } = setUp();
    let losses = 0;
    usb.onRequest = ({ setup }) => {
      if (setup?.requestType !== 0x41) return 'go-on';
      losses++;
      usb.clock.after(500, () => usb.plug('1-1', board));
      return 'unplug';
    };
    expect((await boardErrorOf(flash('new'))).code).toBe('board-lost');
    expect(losses).toBe(6);
  });

  it('is not waited for, if nobody wants that', async () => {
    const { usb, flash } = setUp();
    usb.onRequest = ({ index }) => (index === 40 ? 'unplug' : 'go-on');
    const startMs = usb.clock.now();
    expect((await boardErrorOf(flash('new', { reconnectMs: 0 }))).code).toBe('board-lost');
    expect(usb.clock.now() - startMs).toBeLessThan(1000);
  });
});

describe('a flash that is stopped', () => {
  it('by Ctrl-C leaves the old model running, and goes on the next time', async () => {
    const { usb, board, flash } = setUp();
    const stop = new AbortController();
    let blocks = 0;
    usb.onRequest = ({ setup }) => {
      if (setup?.requestType === 0x21 && setup.request === 1 && ++blocks === 3) stop.abort();
      return 'go-on';
    };
    await expect(flash('new', { signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(board.running).toBe(hashOf(OLD));
    expect((await flash('new')).keptBytes).toBeGreaterThan(0);
    expect(board.running).toBe(hashOf(NEW));
  });
});

describe('a download that a killed program has left behind', () => {
  it('does not keep the next one from finding out that nothing is to do', async () => {
    const { usb, board, flash } = setUp({ image: OLD });
    let blocks = 0;
    usb.onRequest = ({ setup }) => {
      if (setup?.requestType === 0x21 && setup.request === 1 && ++blocks === 3) throw new Error('killed');
      return 'go-on';
    };
    await expect(flash('new', { reconnectMs: 0 })).rejects.toThrow('broke');
    usb.onRequest = () => 'go-on';
    expect(await flash('old')).toMatchObject({ outcome: 'already-there', writtenBytes: 0 });
    expect(board.running).toBe(hashOf(OLD));
  });
});

describe('a board of ours that lies', () => {
  const [HELLO, ERROR, SUMS, SEEK, HASH] = [0x80, 0x81, 0x21, 0x22, 0x23];

  it.each<[string, number, (answer: Answer) => Answer, string]>([
    ['sends a HELLO of garbage', HELLO, () => Uint8Array.of(0xa1, 0xff, 0), 'board-malformed'],
    ['sends no HELLO', HELLO, () => 'stall', 'board-not-flashable'],
    ['sends sums of other sectors', SUMS, (answer) => (answer as Uint8Array).with(0, 7), 'board-malformed'],
    ['sends fewer sums', SUMS, (answer) => (answer as Uint8Array).slice(0, -4), 'board-malformed'],
    ['sends no sums', SUMS, () => 'stall', 'board-malformed'],
    ['refuses to seek', SEEK, () => 'stall', 'board-malformed'],
    ['has another SHA-256', HASH, () => new Uint8Array(32), 'board-write-failed'],
    ['has a SHA-256 of 31 bytes', HASH, () => new Uint8Array(31), 'board-malformed'],
    ['has no SHA-256', HASH, () => 'stall', 'board-malformed'],
    ['says nothing when asked for it', HASH, () => 'nothing', 'board-silent'],
  ])('and %s is refused', async (_, request, lie, code) => {
    const { board, flash } = setUp({ image: NEW });
    await flash('old');
    const control = board.control.bind(board);
    board.control = (setup, data): Answer => {
      const answer = control(setup, data);
      return (setup.requestType & 0x7f) === 0x41 && setup.request === request ? lie(answer) : answer;
    };
    expect((await boardErrorOf(flash('repacked'))).code).toBe(code);
  });

  it('about why it refuses has refused all the same, by its DFU status', async () => {
    const { board, flash } = setUp({ image: OLD });
    const control = board.control.bind(board);
    board.control = (setup, data): Answer =>
      setup.request === ERROR && setup.requestType === 0xc1 ? new Uint8Array(12).fill(255) : control(setup, data);
    const error = await boardErrorOf(flash('wrong'));
    expect([error.code, error.facts['dfu_status_name']]).toEqual(['board-write-failed', 'errVERIFY']);
  });
});

describe('a board whose firmware has stopped, beside its DFU', () => {
  it('is flashed all the same, and fails only in its proof', async () => {
    const { board, flash } = setUp({ image: OLD });
    board.bulkOut = (): void => {};
    const error = await boardErrorOf(flash('new'));
    expect([error.code, board.running]).toEqual(['board-silent', hashOf(NEW)]);
  });
});

describe('an image that lies in the other slot already', () => {
  it('is switched to without a block, and is taken back if the board computes something else', async () => {
    const { usb, board, flash } = setUp({ image: OLD });
    await flash('new');
    await flash('old');
    const { outcome, writtenBytes, keptBytes } = await flash('new');
    expect([outcome, writtenBytes, keptBytes]).toEqual(['flashed', 0, NEW.length]);
    await flash('old');
    // The board passes its own self-test, and then answers with other receipts.
    const bulkIn = board.bulkIn.bind(board);
    let isBroken = false;
    board.bulkIn = async (...args): Promise<Uint8Array> => {
      const bytes = await bulkIn(...args);
      return isBroken ? withOtherReceipts(bytes) : bytes;
    };
    usb.onRequest = ({ setup }) => {
      isBroken ||= setup?.request === 0x23;
      return 'go-on';
    };
    expect((await boardErrorOf(flash('new'))).code).toBe('board-wrong-tokens');
    expect(board.running).toBe(hashOf(OLD));
  });
});

/** Frames, with the receipt of each STEPPED changed. Each transfer begins and ends with whole frames here. */
function withOtherReceipts(bytes: Uint8Array): Uint8Array {
  const frames = new FrameReader().feed(bytes).flatMap((event) => (event.kind === 'frame' ? [event.frame] : []));
  return joined(
    frames.map((frame) => {
      const isStepped = frame.kind === 'data' && frame.type === STEPPED.type;
      return encodeFrame(isStepped ? { ...frame, payload: frame.payload.with(4, frame.payload[4]! ^ 1) } : frame);
    }),
  );
}
