/**
 * Lines that are slower than the board: what is asked is answered ahead of the tokens that wait (docs/PROTOCOL.md,
 * section 3), and a host that is interrupted ends at once and leaves the board free.
 */

import { writeFileSync } from 'node:fs';

import { afterAll, describe, expect, it } from 'vitest';

import { BoardMachine } from '../../device/board/board-machine.js';
import { flashImage } from '../../device/flash-image.js';
import { readImage } from '../../device/read-image.js';
import { ImageFile } from '../../model/image-file.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import { encodeFrame, MAX_ENCODED_BYTES } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { HostLink } from '../../protocol/wire/host-link.js';
import { encodeMessage } from '../../protocol/wire/message.js';
import type { FixedMessage } from '../../protocol/wire/message.js';
import { GET_INFO, INFO } from '../../protocol/wire/messages-board.js';
import { CANCEL, ENDED, RUN, TOKEN } from '../../protocol/wire/messages-run.js';
import { BoardOnALine, slow } from '../helpers/board-on-a-line.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { goodImageOf } from '../helpers/good-image.js';
import { frameOf } from '../helpers/frames.js';
import { count, figure } from '../helpers/counts.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';

const path = temporaryFolder();
const IMAGE = goodImageOf(tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 }));
const ENDLESS = {
  firstIndex: 0,
  maxTokens: 1_000_000,
  topK: 1,
  keep: 0,
  inverseTemperature: 0,
  topP: 32_768,
  seed: 0n,
};
const RUN_ID = 5;
const WORK_MS = 0.5;
const SAMPLER = samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 1n });

/** A host that has room for `window` frames, and reads all that comes. */
class PlainHost {
  readonly link: HostLink;
  readonly #line: BoardOnALine;
  /** Types of what came, in order. */
  readonly types: number[] = [];

  constructor(line: BoardOnALine, window: number) {
    this.#line = line;
    const wire = line.plugIn();
    this.link = new HostLink({
      nonce: 7,
      now: () => line.clock.now(),
      write: (bytes) => wire.write(bytes),
      room: () => window,
      onEvent: (event) => {
        if (event.kind === 'message') this.types.push(event.type);
      },
    });
    wire.start({
      onData: (bytes) => {
        this.link.receive(bytes);
        this.#poll();
      },
      onReady: () => {},
      onLost: () => {},
    });
    this.#poll();
  }

  send(message: FixedMessage, payload: Uint8Array): void {
    this.link.send(message.type, payload);
    this.#poll();
  }

  async until(isThere: () => boolean): Promise<void> {
    await this.#line.clock.until(
      (async () => {
        while (!isThere()) await new Promise<void>((resolve) => this.#line.clock.after(1, resolve));
      })(),
      120_000,
    );
  }

  #timer = 0;

  #poll(): void {
    const timer = ++this.#timer;
    const waitMs = this.link.poll();
    if (waitMs === Infinity) return;
    this.#line.clock.after(Math.max(waitMs, 0.1), () => {
      if (timer === this.#timer) this.#poll();
    });
  }
}

const TOKEN_BYTES = encodeFrame(
  frameOf({ kind: 'data', type: TOKEN.type, payload: new Uint8Array(16).fill(1) }),
  true,
).length;

/** The longest answer, and that again for a repetition that came too early. */
const ANSWER_BYTES = 2 * 220;
const REPEAT_MS = 120;

const RATES = [0.5, 1, 4, 11.5];
const WINDOWS = [1, 2, 8, 32];

describe('a run on a line that is slower than the board', () => {
  const mostAhead = new Map<number, number>();
  afterAll(() => {
    figure(
      `wire: most tokens ahead of INFO or ENDED at ${RATES.join(', ')} bytes/ms, by window`,
      [...mostAhead].map(([window, most]) => `${window}: ${most}`).join(', '),
    );
  });

  // With a full queue of tokens in the link, neither was answered in 400 tokens.
  it.each(RATES.flatMap((rate) => WINDOWS.map((window) => [rate, window] as const)))(
    'at %d bytes/ms with a window of %d is asked and cancelled within a token and a window',
    async (rate, window) => {
      const line = new BoardOnALine({ image: IMAGE });
      const host = new PlainHost(line, window);
      await host.until(() => host.types.length === 1);
      line.fate = slow(line, rate);
      host.send(RUN, encodeMessage(RUN, { ...ENDLESS, run: RUN_ID, tokens: Uint32Array.of(1) }));
      // Long enough for every buffer to fill.
      const before = 1 + count(100, 400);
      await host.until(() => host.types.length > before);

      const tokensUntil = async (request: FixedMessage, payload: Uint8Array, answer: number): Promise<number> => {
        const board = requestsArriving(line, request.type);
        host.send(request, payload);
        await host.until(() => board.arrived);
        const first = host.types.length;
        const atMs = line.clock.now();
        await host.until(() => host.types.slice(first).includes(answer));
        const frameMs = TOKEN_BYTES / rate;
        expect(line.clock.now() - atMs).toBeLessThan(
          WORK_MS + (window + 4) * frameMs + ANSWER_BYTES / rate + REPEAT_MS,
        );
        return host.types.slice(first).indexOf(answer);
      };
      const ahead = await tokensUntil(GET_INFO, encodeMessage(GET_INFO, {}), INFO.type);
      expect(ahead).toBeLessThanOrEqual(window + 1);
      const aheadOfEnd = await tokensUntil(CANCEL, encodeMessage(CANCEL, { run: RUN_ID }), ENDED.type);
      expect(aheadOfEnd).toBeLessThanOrEqual(window + 1);
      mostAhead.set(window, Math.max(mostAhead.get(window) ?? 0, ahead, aheadOfEnd));
    },
  );
});

/** Whether a request has come to the board from now on. */
function requestsArriving(line: BoardOnALine, type: number): { readonly arrived: boolean } {
  const seen = { arrived: false };
  const { fate } = line;
  const reader = new FrameReader();
  line.fate = (frame) => {
    const pieces = fate(frame);
    const isIt =
      frame.to === 'board' &&
      reader.feed(frame.bytes).some((event) => event.kind === 'frame' && event.frame.type === type);
    if (isIt) line.clock.after((pieces[0]?.lateMs ?? 0) + 0.2, () => (seen.arrived = true));
    return pieces;
  };
  return seen;
}

describe('a host on a line of 1,000 bytes/s that is interrupted', () => {
  // It was still there 45 s later, and the board busy.
  it('ends within a second, and the next host has the board at once', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    line.fate = slow(line, 1);
    const interrupt = new AbortController();
    const machine = new BoardMachine(await line.connect({ signal: interrupt.signal }));
    const sequence = await machine.open();
    const work = (async () => {
      for await (const _ of sequence.generate({
        prompt: [1],
        maxTokens: 1_000_000,
        sampler: SAMPLER,
        signal: interrupt.signal,
      }));
      await machine.close();
    })();
    await line.clock.pass(20_000);
    const atMs = line.clock.now();
    interrupt.abort();
    await line.clock.until(work);
    expect(line.clock.now() - atMs).toBeLessThan(1000);
    figure(
      'wire: a host on a line of 1,000 bytes/s that is interrupted ends after',
      `${Math.round(line.clock.now() - atMs)} ms`,
    );

    line.fate = ({ bytes }) => [{ bytes }];
    const next = await line.connect();
    expect(await line.clock.until(next.session.info())).toMatchObject({ state: 'idle' });
  });
});

describe('a line of about 1,000 bytes/s that holds whatever it is given', () => {
  const tokenizer = new TextEncoder().encode(`{"version":"1.0","x":"${'a'.repeat(150_000)}"}`);
  const LARGE = goodImageOf(tinySections(2, TINY_SHAPE), { tokenizer });
  /** A token in half a millisecond. */
  const COMPUTING_MS = 1000;
  const bits = (): Uint8Array => new Uint8Array(120 * 4096).fill(0xff);

  // It was lost while flashing: frames were repeated before they had left, until the line was full of them.
  it.each([0.6, 1, 11.5])('carries HELLO, a flash, a long prompt and the image back, at %d bytes/ms', async (rate) => {
    const line = new BoardOnALine({ image: IMAGE, bits: bits() });
    line.fate = slow(line, rate);
    const connection = await line.connect({ reconnectMs: 0 });
    const within = async <T>(bytes: number, work: Promise<T>): Promise<T> => {
      const atMs = line.clock.now();
      const result = await line.clock.until(work);
      expect(line.clock.now() - atMs).toBeLessThan((1.05 * bytes + 3000) / rate + COMPUTING_MS);
      return result;
    };
    const machine = new BoardMachine(connection);
    const sequence = await within(0, machine.open());
    const prompt = Array.from({ length: 900 }, (_, index) => index % 63);
    const tokens: number[] = [];
    const run = async (): Promise<void> => {
      for await (const { id } of sequence.generate({ prompt, maxTokens: 20, sampler: SAMPLER })) tokens.push(id);
    };
    await within(4 * prompt.length + 20 * TOKEN_BYTES, run());
    expect(tokens.length).toBeGreaterThan(0);

    writeFileSync(path('large'), LARGE);
    const file = ImageFile.openChecked(path('large'));
    await within(LARGE.length, flashImage(connection, file));
    file.close();

    const read = new Uint8Array(LARGE.length);
    const write = (offset: number, bytes: Uint8Array): Promise<void> => Promise.resolve(read.set(bytes, offset));
    await within(LARGE.length, readImage(connection, { begin: () => {}, write }));
    expect(Buffer.compare(read, LARGE)).toBe(0);
  });

  // 120 s had passed before it came to the board.
  it('has the time for FLASH_END begin when it is there', async () => {
    const line = new BoardOnALine({ image: IMAGE, bits: bits() });
    line.fate = slow(line, 0.52);
    const connection = await line.connect({ reconnectMs: 0 });
    writeFileSync(path('large'), LARGE);
    const file = ImageFile.openChecked(path('large'));
    expect(await line.clock.until(flashImage(connection, file))).toMatchObject({ outcome: 'flashed' });
    file.close();
  });

  it.each(['flashing', 'reading'])('is found out when it dies while %s', async (what) => {
    const line = new BoardOnALine({ image: LARGE, bits: bits() });
    line.fate = slow(line, 1);
    const connection = await line.connect({ reconnectMs: 0 });
    writeFileSync(path('other'), goodImageOf(tinySections(3, TINY_SHAPE), { tokenizer }));
    const file = ImageFile.openChecked(path('other'));
    const reader = { begin: (): void => {}, write: (): Promise<void> => Promise.resolve() };
    const work: Promise<unknown> = what === 'flashing' ? flashImage(connection, file) : readImage(connection, reader);
    let diedAtMs = Infinity;
    line.clock.after(20_000, () => {
      diedAtMs = line.clock.now();
      line.fate = () => [];
    });
    await expect(line.clock.until(work)).rejects.toMatchObject({ code: 'board-lost' });
    // What was on the line still came.
    const longestFrameMs = MAX_ENCODED_BYTES;
    expect(line.clock.now() - diedAtMs).toBeLessThan(5000 + longestFrameMs);
    file.close();
  });
});

describe('a host whose board answers nothing', () => {
  it('ends at the first interruption', async () => {
    const line = new BoardOnALine({ image: IMAGE });
    const interrupt = new AbortController();
    const { session } = await line.connect({ signal: interrupt.signal });
    line.fate = ({ to, bytes }) => (to === 'host' ? [{ bytes }] : []);
    const asking = session.info();
    line.clock.after(100, () => interrupt.abort());
    const atMs = line.clock.now();
    await expect(line.clock.until(asking)).rejects.toMatchObject({ name: 'AbortError' });
    expect(line.clock.now() - atMs).toBeLessThan(200);
  });
});
