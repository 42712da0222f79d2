/**
 * A host that sends anything: noise, frames of every kind, requests of every type with any payload, mutated real ones.
 */

import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../protocol/byte-source.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import { sealBytes } from '../../../protocol/image/image-seal.js';
import { FRAME_KINDS, encodeFrame } from '../../../protocol/wire/frame.js';
import type { Frame } from '../../../protocol/wire/frame.js';
import { FrameReader } from '../../../protocol/wire/frame-reader.js';
import { ERROR, GET_INFO } from '../../../protocol/wire/messages-board.js';
import { encodeMessage } from '../../../protocol/wire/message.js';
import { MESSAGES } from '../../../protocol/wire/messages.js';
import * as flash from '../../../protocol/wire/messages-flash.js';
import * as run from '../../../protocol/wire/messages-run.js';
import { synPayload } from '../../../protocol/wire/opening.js';
import { count, figure } from '../../helpers/counts.js';
import { BoardOnALine } from '../../helpers/board-on-a-line.js';
import { frameOf } from '../../helpers/frames.js';
import { goodImage } from '../../helpers/good-image.js';
import { Prng } from '../../oracle/prng.js';

const INPUTS = count(25_000, 10_000_000);
const INPUTS_PER_SESSION = 400;
const IMAGE = goodImage(1);
const OTHER = goodImage(2);

/** A host without scruples: keeps the sequence numbers right, so that what it sends is taken. */
class RawHost {
  #sequence = 0;
  #acknowledge = 0;
  #reader = new FrameReader();
  /** Types of the messages that came, and codes of the errors. */
  readonly heard = new Set<string>();

  open(nonce: number): Uint8Array {
    this.#sequence = 0;
    this.#acknowledge = 0;
    this.#reader = new FrameReader();
    return encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(nonce) }), true);
  }

  hear(bytes: Uint8Array): void {
    for (const event of this.#reader.feed(bytes)) {
      if (event.kind !== 'frame') continue;
      const { kind, sequence, acknowledge } = event.frame;
      if (kind === 'data' && sequence === this.#acknowledge) this.#acknowledge = (sequence + 1) & 255;
      if (kind === 'data') this.heard.add(nameOf(event.frame));
      // Some was dropped for lack of room.
      if (kind === 'data' || kind === 'ack') this.#sequence = acknowledge;
    }
  }

  data(type: number, payload: Uint8Array): Uint8Array {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) & 255;
    return encodeFrame(frameOf({ kind: 'data', type, sequence, acknowledge: this.#acknowledge, window: 32, payload }));
  }
}

function nameOf({ type, payload }: Frame): string {
  return type === ERROR.type ? `error ${payload[0]}` : (MESSAGES.find((message) => message.type === type)?.name ?? '?');
}

const seal = (image: Uint8Array): Uint8Array => image.subarray(image.length - sealBytes(false));

const SEALS = [IMAGE, OTHER].map((image) => {
  return Buffer.from(openImage(memorySource(image)).seal.sha256).toString('hex');
});

/** Requests that a board carries out, or nearly. */
const REAL: readonly (readonly [number, Uint8Array])[] = [
  [run.RESET.type, new Uint8Array(0)],
  [run.STEP.type, encodeMessage(run.STEP, { taps: 1, candidates: 5, token: 3 })],
  [run.CANCEL.type, encodeMessage(run.CANCEL, { run: 7 })],
  [run.RESUME.type, encodeMessage(run.RESUME, { run: 7, index: 2 })],
  [
    run.RUN.type,
    encodeMessage(run.RUN, {
      run: 7,
      firstIndex: 0,
      maxTokens: 5,
      topK: 4,
      keep: 0,
      inverseTemperature: 900,
      topP: 30_000,
      seed: 1n,
      tokens: Uint32Array.of(1, 0),
    }),
  ],
  [
    flash.FLASH_BEGIN.type,
    encodeMessage(flash.FLASH_BEGIN, {
      imageLength: OTHER.length,
      prefix: OTHER.subarray(0, 272),
      seal: seal(OTHER),
    }),
  ],
  [flash.FLASH_COMPARE.type, encodeMessage(flash.FLASH_COMPARE, { firstSector: 0, sectors: 2 })],
  [flash.FLASH_WRITE.type, encodeMessage(flash.FLASH_WRITE, { offset: 0, data: OTHER.slice(0, 2048) })],
  [flash.FLASH_WRITE.type, encodeMessage(flash.FLASH_WRITE, { offset: 2048, data: OTHER.slice(2048, 4096) })],
  [flash.FLASH_END.type, new Uint8Array(0)],
  [flash.FLASH_READ.type, encodeMessage(flash.FLASH_READ, { offset: 100, length: 300 })],
  [flash.CONFIRM.type, new Uint8Array(0)],
  [flash.REVERT.type, new Uint8Array(0)],
  [0x01, new Uint8Array(0)],
];

function randomBytes(random: Prng, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.next() & 255);
}

/** Changes, shortens or lengthens. */
function mutated(random: Prng, bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from([...bytes.subarray(0, random.between(0, bytes.length)), ...bytes]).slice(
    0,
    bytes.length + random.between(-3, 3),
  );
  const source = random.between(0, 2) === 0 ? copy : bytes.slice();
  for (let changes = random.between(0, 3); changes > 0 && source.length > 0; changes--) {
    source[random.between(0, source.length - 1)] = [0, 1, 255, random.next() & 255][random.between(0, 3)]!;
  }
  return source;
}

function hostileInput(random: Prng, host: RawHost): Uint8Array {
  const choice = random.between(0, 9);
  if (choice === 0) return randomBytes(random, random.between(1, 30));
  if (choice === 1) {
    const kind = FRAME_KINDS[random.between(0, FRAME_KINDS.length - 1)]!;
    const lengths: Partial<Record<Frame['kind'], number>> = {
      syn: 12,
      'syn-ack': 4,
      busy: 8,
      data: random.between(0, 20),
    };
    const payload = kind === 'syn' ? synPayload(random.next()) : randomBytes(random, lengths[kind] ?? 0);
    const [sequence, acknowledge] = [random.next() & 255, random.next() & 255];
    const own = kind === 'data' ? { type: random.next() & 255, sequence } : {};
    const again = kind === 'ack' && random.between(0, 1) === 1;
    const isTraffic = kind === 'data' || kind === 'ack';
    return encodeFrame(
      frameOf({
        kind,
        ...own,
        acknowledge: isTraffic ? acknowledge : 0,
        window: random.between(0, 32),
        again,
        payload,
      }),
    );
  }
  if (choice === 2) return mutated(random, host.data(random.next() & 255, randomBytes(random, random.between(0, 40))));
  if (choice === 3) {
    const { type } = MESSAGES[random.between(0, MESSAGES.length - 1)]!;
    return host.data(type, randomBytes(random, random.between(0, 40)));
  }
  const [type, payload] = REAL[random.between(0, REAL.length - 1)]!;
  return host.data(type, choice < 7 ? payload : mutated(random, payload));
}

/** Answers to requests that were carried out, and refusals. */
const REACHED = (
  'DONE ENDED FLASH_DATA FLASH_READY FLASH_SUMS HELLO INFO STEPPED TOKEN' +
  ',error 1,error 2,error 3,error 5,error 10,error 16,error 17'
).split(/ (?=[A-Z])|,/);

describe('a board', () => {
  it('survives a million hostile inputs and serves the next host', { timeout: count(300_000, 3_600_000) }, async () => {
    const random = new Prng(3);
    const line = new BoardOnALine({ image: IMAGE });
    const host = new RawHost();
    const transport = line.plugIn();
    transport.start({
      onData: (bytes) => host.hear(bytes),
      onReady: () => {},
      onLost: () => {},
    });
    const pass = (durationMs: number): void => line.clock.time.pass(durationMs);
    for (let input = 0; input < INPUTS; input++) {
      if (input % INPUTS_PER_SESSION === 0) {
        transport.write(host.open(random.next()));
        pass(1);
      }
      transport.write(hostileInput(random, host));
      if (input % 8 === 7) pass(1);
    }
    pass(60_000);
    // Otherwise the inputs would not have come far.
    expect([...host.heard].toSorted()).toEqual(expect.arrayContaining(REACHED));
    await transport.close();
    // One of the two images runs, also after a restart: nobody has destroyed the only good one.
    const running = (): string => Buffer.from(line.board.images.running?.view.seal.sha256 ?? []).toString('hex');
    expect(SEALS).toContain(running());
    line.restart();
    expect(SEALS).toContain(running());

    const connection = await line.connect();
    expect(connection.session.image.name).toBe('tiny');
    await line.clock.until(connection.session.stopForeignRun());
    const stepped = connection.session.request(run.STEP, { taps: 1, candidates: 3, token: 1 }, run.STEPPED);
    expect((await line.clock.until(stepped)).words).toHaveLength(3 + 2 * 3);
    await line.clock.until(connection.close());
    figure('wire: hostile hosts', `${INPUTS.toLocaleString('en-US')} inputs, no crash`);
  });

  it('gathers nothing for a host that asks and does not read', () => {
    const { board, clock } = new BoardOnALine({ image: IMAGE, window: 8 });
    let isReady = true;
    let written = 0;
    const line = board.addLine({
      isReady: () => isReady,
      write: (bytes) => {
        host.hear(bytes);
        written++;
      },
    });
    const host = new RawHost();
    line.receive(host.open(7));
    board.poll();
    isReady = false;
    for (let request = 0; request < 100_000; request++) {
      line.receive(host.data(GET_INFO.type, new Uint8Array(0)));
      board.poll();
    }
    isReady = true;
    written = 0;
    for (let polls = 0; polls < 100; polls++) board.poll();
    // As many as it has announced buffers for, and what stands in front of them.
    expect(written).toBeLessThanOrEqual(8 + 4);
    expect(clock.now()).toBe(0);
  });

  it('loses at most one good frame to any garbage', () => {
    const random = new Prng(5);
    const good = encodeFrame(frameOf({ kind: 'ack', acknowledge: 9, window: 3 }));
    const streams = INPUTS;
    let lost = 0;
    const reader = new FrameReader();
    for (let stream = 0; stream < streams; stream++) {
      const garbage = randomBytes(random, random.between(0, 12));
      const frames = [garbage, good, good]
        .flatMap((bytes) => reader.feed(bytes))
        .filter(({ kind }) => kind === 'frame');
      if (frames.length < 1 || frames.length > 2) throw new Error(`${frames.length} frames behind ${garbage.join()}`);
      lost += 2 - frames.length;
    }
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThanOrEqual(streams);
  });
});
