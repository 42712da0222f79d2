/**
 * Lines that are slower than the board: what is asked is answered ahead of the tokens that wait (docs/PROTOCOL.md,
 * section 3), and a host that is interrupted ends at once and leaves the board free.
 */

import { describe, expect, it } from 'vitest';

import { BoardMachine } from '../../device/board/board-machine.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import { HostLink } from '../../protocol/wire/host-link.js';
import { encodeMessage } from '../../protocol/wire/message.js';
import type { FixedMessage } from '../../protocol/wire/message.js';
import { GET_INFO, INFO } from '../../protocol/wire/messages-board.js';
import { CANCEL, ENDED, RUN, TOKEN } from '../../protocol/wire/messages-run.js';
import { BoardOnALine, slow } from '../helpers/board-on-a-line.js';
import { goodImageOf } from '../helpers/good-image.js';
import { frameOf } from '../helpers/frames.js';
import { count, figure } from '../helpers/counts.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';

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
      figure(`tokens ahead of INFO and ENDED, ${rate} bytes/ms, window ${window}`, `${ahead}, ${aheadOfEnd}`);
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
  const SAMPLER = samplerSettings({ temperature: 0, topK: 1, topP: 1, seed: 1n });

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
    figure('interrupted on a line of 1,000 bytes/s, ended after', `${Math.round(line.clock.now() - atMs)} ms`);

    line.fate = ({ bytes }) => [{ bytes }];
    const next = await line.connect();
    expect(await line.clock.until(next.session.info())).toMatchObject({ state: 'idle' });
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
