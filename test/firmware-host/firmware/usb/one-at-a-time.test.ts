/** A download over USB and a host on another line: who gets the board. docs/USB.md, section 3. */

import { describe, expect, it } from 'vitest';
import type { GeneratedToken, Sequence } from '../../../../model/machine/machine.js';
import { samplerSettings } from '../../../../model/integer/sampler.js';
import { encodeMessage } from '../../../../protocol/wire/message.js';
import { FLASH_BEGIN, FLASH_READY } from '../../../../protocol/wire/messages-flash.js';
import { DONE, RESET } from '../../../../protocol/wire/messages-run.js';
import { sealBytes } from '../../../../protocol/image/image-seal.js';
import { BoardOnALine } from '../../../helpers/board-on-a-line.js';
import { hashOf } from '../../../helpers/board-on-usb.js';
import { IS_ANOTHER_BOARD } from '../../../helpers/c-board.js';
import { deviceOf } from '../../../helpers/c-dfu-device.js';
import { goodImage, goodImageOf } from '../../../helpers/good-image.js';
import { TINY_SHAPE, tinySections } from '../../../helpers/tiny-image.js';
import { boardSequence } from '../../../helpers/machines.js';

/** A board on a line that is on USB as well. */
class BoardOnBoth extends BoardOnALine {
  readonly device = deviceOf({
    board: this.board,
    identity: { board: 'test', serial: 'T-1', firmware: '0' },
    sectorBytes: 4096,
    mode: 'always',
    now: () => this.clock.now(),
    onWire: () => {},
    onReady: () => {},
  });

  constructor(image: Uint8Array) {
    super({ image });
    this.device.configure(1);
  }

  /** To the DFU interface. */
  control(
    requestType: number,
    request: number,
    length: number,
    data: Uint8Array = new Uint8Array(0),
  ): Uint8Array | undefined {
    const answer = this.device.control({ requestType, request, value: 0, index: 2, length }, data);
    this.poll();
    return answer;
  }

  /** GETSTATUS: status and state, when the board is not busy any more. */
  async status(): Promise<[number | undefined, number | undefined]> {
    for (;;) {
      const [status, low = 0, middle = 0, , state] = this.control(0xa1, 3, 6) ?? [];
      if (state !== 4 && state !== 7) return [status, state];
      await this.clock.pass(low + 256 * middle);
    }
  }

  /** A whole download in one announcement and blocks of 4,096 bytes without looking at their numbers. */
  async download(image: Uint8Array): Promise<[number | undefined, number | undefined]> {
    const seal = image.subarray(image.length - sealBytes(false));
    const begin = encodeMessage(FLASH_BEGIN, { imageLength: image.length, prefix: image.subarray(0, 272), seal });
    this.control(0x41, 0x20, begin.length, begin);
    for (let at = 0; at < image.length; at += 4096) {
      const status = await this.status();
      if (status[1] !== 5) return status;
      const block = image.slice(at, at + 4096);
      this.control(0x41, 0x22, 4, new Uint8Array(Uint32Array.of(at / 4096).buffer));
      this.control(0x21, 1, block.length, block);
    }
    await this.status();
    this.control(0x21, 1, 0);
    return await this.status();
  }

  /** Code and first fact of the refusal. */
  get refusal(): [number, number] {
    const bytes = this.control(0xc1, 0x81, 12)!;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return [view.getUint16(0, true), view.getUint32(4, true)];
  }

  get running(): string {
    const source = this.board.images.running?.source;
    return source === undefined ? '' : hashOf(source.read(0, source.length));
  }
}

const A = goodImageOf(tinySections(1, { ...TINY_SHAPE, vocabSize: 64, eosTokenId: 63 }));
const B = goodImage(2);
const IDLE = [0, 2];
const BUSY = [0x0b, 10];
const FLASH_BUSY = 0xffff_ffff;

async function collect(backend: Sequence): Promise<GeneratedToken[]> {
  const sampler = samplerSettings({ temperature: 2, topK: 7, topP: 0.9, seed: 9n });
  const tokens: GeneratedToken[] = [];
  for await (const token of backend.generate({ prompt: [1, 0, 3], maxTokens: 40, sampler })) tokens.push(token);
  return tokens;
}

describe('a download', () => {
  it('beside a session that does nothing goes through, and ends it: its image is another one now', async () => {
    const both = new BoardOnBoth(A);
    const { session } = await both.connect();
    expect(await both.download(B)).toEqual(IDLE);
    expect(both.running).toBe(hashOf(B));
    const late = both.clock.until(session.request(RESET, {}, DONE));
    await expect(late).rejects.toMatchObject({ code: 'board-lost' });
    const again = await both.connect();
    expect(again.session.image.name).toBe('tiny');
  });

  it('is refused during a run, which does not notice', async () => {
    const both = new BoardOnBoth(A);
    const alone = await both.clock.until(collect(await boardSequence(await both.connect())));
    both.unplug();
    const generating = collect(await boardSequence(await both.connect()));
    await both.clock.pass(15);
    expect(await both.download(B)).toEqual(BUSY);
    expect(both.refusal[0]).toBe(3);
    expect(await both.clock.until(generating)).toEqual(alone);
    both.control(0x21, 4, 0);
    expect(await both.download(B)).toEqual(IDLE);
  });

  it('ends a run whose host is gone', async () => {
    const both = new BoardOnBoth(A);
    const generating = collect(await boardSequence(await both.connect()));
    generating.catch(() => {});
    await both.clock.pass(15);
    both.unplug();
    expect(await both.download(B)).toEqual(IDLE);
    expect(both.running).toBe(hashOf(B));
  });

  it('is refused during a flash on a line, until its host is gone', async () => {
    const both = new BoardOnBoth(A);
    const { session } = await both.connect();
    const seal = B.subarray(B.length - sealBytes(false));
    const begin = { imageLength: B.length, prefix: B.subarray(0, 272), seal };
    await both.clock.until(session.request(FLASH_BEGIN, begin, FLASH_READY));
    expect(await both.download(B)).toEqual(BUSY);
    expect(both.refusal).toEqual([3, FLASH_BUSY]);
    both.control(0x21, 4, 0);
    both.unplug();
    expect(await both.download(B)).toEqual(IDLE);
  });

  it('keeps other hosts from the board while it is heard, and loses it to them when it was silent for 5 s', async () => {
    const both = new BoardOnBoth(A);
    const { session } = await both.connect();
    both.control(0x21, 1, 4096, B.slice(0, 4096));
    expect(await both.status()).toEqual([0, 5]);
    const reset = async (): Promise<unknown> => await both.clock.until(session.request(RESET, {}, DONE));
    await expect(reset()).rejects.toMatchObject({ code: 'board-busy' });
    await both.clock.pass(4000);
    expect(await both.status()).toEqual([0, 5]);
    await both.clock.pass(4000);
    await expect(reset()).rejects.toMatchObject({ code: 'board-busy' });
    await both.clock.pass(1000);
    expect(await reset()).toEqual({ request: RESET.type });
    expect(await both.status()).toEqual(BUSY);
    expect(both.refusal).toEqual([3, FLASH_BUSY]);
    expect(both.running).toBe(hashOf(A));
  });

  it('shows in INFO', async () => {
    const both = new BoardOnBoth(A);
    const { session } = await both.connect();
    expect(await both.clock.until(session.info())).toMatchObject({ state: 'idle' });
    both.control(0x21, 1, 4096, B.slice(0, 4096));
    expect(await both.clock.until(session.info())).toMatchObject({ state: 'flashing' });
  });
});

describe('an upload', () => {
  it.skipIf(IS_ANOTHER_BOARD)('of an image that makes way for another one ends with errVENDOR', async () => {
    const both = new BoardOnBoth(A);
    expect(both.control(0xa1, 2, 100)).toEqual(A.slice(0, 100));
    both.board.images.adopt(loaded(both.board.images.tryOut(0)));
    expect(both.control(0xa1, 2, 100)).toBeUndefined();
    expect(await both.status()).toEqual(BUSY);
  });
});

/** The image in a slot once more, as a second start of it is. */
function loaded<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
