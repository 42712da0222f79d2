import { describe, expect, it } from 'vitest';
import { decodeMapMessage } from '../../../../protocol/wire/message.js';
import { HELLO } from '../../../../protocol/wire/messages-board.js';
import { MODEL_LIMITS } from '../../../../protocol/image/model-shape.js';
import { crc32c } from '../../../../protocol/crc32.js';
import { BoardOnUsb, hashOf, STATE, type UsbSetup } from '../../../helpers/board-on-usb.js';
import { IS_ANOTHER_BOARD } from '../../../helpers/c-board.js';
import { goodImage, goodImageOf } from '../../../helpers/good-image.js';
import { newSigner } from '../../../helpers/signer.js';
import { TINY_SHAPE, tinyImage, tinySections } from '../../../helpers/tiny-image.js';

const A = goodImage(1);
const B = goodImage(2);
const [a, b] = [hashOf(A), hashOf(B)];
const SECTORS = Math.ceil(A.length / 4096);
const NOT_SIGNED = 14;
const REAL_FLASH = { eraseMs: 45, programMs: 0.7 };

const OK = { status: 0, pollMs: 0, state: STATE.dfuIDLE };

function damaged(image: Uint8Array, at: number): Uint8Array {
  const copy = image.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('a download', () => {
  it.each([4096, 4095, 2048, 1024, 1000, 257, 64, 1])(
    'in blocks of %i bytes leads to the new image, confirmed',
    (size) => {
      const usb = new BoardOnUsb({ image: A });
      expect(usb.download(B, size)).toEqual(OK);
      expect(usb.running).toBe(b);
      expect(usb.board.images.running?.confirmed).toBe(true);
      expect(new BoardOnUsb({ bits: usb.bits }).running).toBe(b);
    },
  );

  it.skipIf(IS_ANOTHER_BOARD)('gives the times of its flash', () => {
    const usb = new BoardOnUsb({ image: A, timing: REAL_FLASH });
    // A sector and its 16 pages.
    expect(usb.control(0x21, 1, { data: B.subarray(0, 4096) })).toBeDefined();
    expect(usb.status()).toEqual({ status: 0, pollMs: Math.ceil(45 + 16 * 0.7), state: STATE.dfuDNBUSY });
    usb.nowMs += 55;
    // Two milliseconds too early: A.2.5.
    expect(usb.control(0xa1, 3, { length: 6 })).toBeUndefined();
    expect(usb.status()).toMatchObject({ status: 0x0f, state: STATE.dfuERROR });
  });

  it.skipIf(IS_ANOTHER_BOARD)('takes as long as its flash', () => {
    const usb = new BoardOnUsb({ image: A, timing: REAL_FLASH });
    expect(usb.download(B)).toEqual(OK);
    const pages = Math.ceil(B.length / 256);
    // And a record of the boot table.
    const flashMs = SECTORS * 45 + (pages + 1) * 0.7;
    expect(usb.nowMs).toBeGreaterThanOrEqual(flashMs - 0.7);
    expect(usb.nowMs).toBeLessThan(flashMs + 2 * SECTORS + 100);
    expect(usb.running).toBe(b);
  });

  it('is taken by a board without an image, and by one with a single slot', () => {
    for (const setup of [{}, { image: A, slots: 1 as const }]) {
      const usb = new BoardOnUsb(setup);
      expect(usb.download(B)).toEqual(OK);
      expect(usb.running).toBe(b);
    }
  });

  it('of the same image again is taken again', () => {
    const usb = new BoardOnUsb({ image: A });
    for (const image of [B, A, A, B]) {
      expect(usb.download(image)).toEqual(OK);
      expect(usb.running).toBe(hashOf(image));
    }
  });
});

describe('a refused image', () => {
  const signer = newSigner();
  const policy = { limits: MODEL_LIMITS, minimumRevision: 0 };
  const NEW = goodImage(3, { revision: 4 });
  const SIGNED_BY_ANOTHER = goodImage(3, { sign: newSigner().sign });

  const SMALL = goodImageOf(tinySections(1, { ...TINY_SHAPE, hiddenSize: 4 }));
  const limits = { ...MODEL_LIMITS, hiddenSize: 4 };
  const SIGNED = goodImage(1, { sign: signer.sign });
  const signed = { ...policy, signer: signer.publicKey };

  type Row = readonly [string, Uint8Array, Uint8Array, Required<UsbSetup>['policy'], number, number, boolean];
  // [what, image, the image that is there, policy, status, code of the refusal, whether the head tells it]
  const rows: readonly Row[] = [
    ['that is none', new Uint8Array(8192), A, policy, 1, 10, true],
    ['for larger boards', B, SMALL, { ...policy, limits }, 1, 12, true],
    ['of an old revision', NEW, goodImage(1, { revision: 5 }), { ...policy, minimumRevision: 5 }, 2, 13, true],
    ['without a signature', B, SIGNED, signed, 7, NOT_SIGNED, false],
    ['signed by another key', SIGNED_BY_ANOTHER, SIGNED, signed, 7, NOT_SIGNED, false],
    ['with a damaged weight', damaged(B, B.length - 4096), A, policy, 7, 17, false],
    ['with a damaged head', damaged(B, 100), A, policy, 1, 10, true],
    ['that computes wrong', tinyImage(4), A, policy, 7, 17, false],
    ['with a byte behind its end', Uint8Array.of(...B, 0), A, policy, 8, 16, false],
  ];

  // Not every board knows signers.
  it.each(rows.filter(([, , , , , code]) => !(IS_ANOTHER_BOARD && code === NOT_SIGNED)))(
    '%s ends in its status, and the old one goes on',
    (_, image, old, chosen, status, code, byHead) => {
      const usb = new BoardOnUsb({ image: old, policy: chosen });
      const operations = usb.flash.operations;
      expect(usb.download(image)).toEqual({ status, pollMs: 0, state: STATE.dfuERROR });
      expect(usb.refusal()[0]).toBe(code);
      expect(usb.flash.operations > operations).toBe(!byHead);
      expect(usb.running).toBe(hashOf(old));
      expect(new BoardOnUsb({ bits: usb.bits, policy: chosen }).running).toBe(hashOf(old));
      // And the board takes the next one.
      expect(usb.control(0x21, 4)).toBeDefined();
      expect(usb.status()).toEqual(OK);
      expect(usb.refusal()).toEqual([0, 0, 0]);
    },
  );

  it('that is too large for its slot is refused by its head', () => {
    const usb = new BoardOnUsb({ bits: new Uint8Array(4 * 4096).fill(0xff) });
    expect(usb.download(B)).toEqual({ status: 8, pollMs: 0, state: STATE.dfuERROR });
    expect(usb.refusal()).toEqual([11, B.length, 4096]);
    expect(usb.flash.operations).toBe(0);
  });

  it('that ends too early is errNOTDONE', () => {
    for (const length of [100, 271, 2048, B.length - 1]) {
      const usb = new BoardOnUsb({ image: A });
      expect(usb.download(B.subarray(0, length))).toMatchObject({ status: 9, state: STATE.dfuERROR });
      expect(usb.running).toBe(a);
    }
  });

  it.skipIf(IS_ANOTHER_BOARD)('announced without the signature that the board demands erases nothing', () => {
    const usb = new BoardOnUsb({ image: SIGNED, policy: signed });
    const operations = usb.flash.operations;
    expect(usb.announce(B)).toEqual({ status: 7, pollMs: 0, state: STATE.dfuERROR });
    expect(usb.refusal()[0]).toBe(14);
    expect(usb.flash.operations).toBe(operations);
    usb.control(0x21, 4);
    const next = goodImage(2, { sign: signer.sign });
    expect(usb.download(next)).toEqual(OK);
    expect(usb.running).toBe(hashOf(next));
  });

  it.skipIf(IS_ANOTHER_BOARD)('for the gateware is errTARGET', () => {
    const usb = new BoardOnUsb({ image: A });
    expect(usb.control(0x01, 11, { value: 1 })).toBeDefined();
    expect(usb.download(B)).toEqual({ status: 1, pollMs: 0, state: STATE.dfuERROR });
    usb.control(0x21, 4);
    expect(usb.control(0xa1, 2, { length: 64 })).toBeUndefined();
    expect(usb.status()).toMatchObject({ status: 1, state: STATE.dfuERROR });
    expect(usb.control(0x01, 11, { value: 2 })).toBeUndefined();
    expect(usb.control(0x01, 11, { value: 0 })).toBeDefined();
    expect(usb.download(B)).toEqual(OK);
  });
});

describe('an upload', () => {
  it.each([4096, 1000, 64, A.length, 4095])('in blocks of %i bytes gives the running image', (size) => {
    const usb = new BoardOnUsb({ image: A });
    expect(hashOf(usb.upload(Math.min(size, 4096)))).toBe(a);
    expect(usb.status()).toEqual(OK);
  });

  it('may start at any sector', () => {
    const usb = new BoardOnUsb({ image: A });
    expect(usb.seek(2)).toBe(true);
    expect(usb.control(0xa1, 2, { length: 100 })).toEqual(A.subarray(8192, 8292));
    expect(usb.control(0x21, 6)).toBeDefined();
    expect(usb.control(0xa1, 2, { length: 100 })).toEqual(A.subarray(0, 100));
  });

  it('behind the end is empty', () => {
    const usb = new BoardOnUsb({ image: A });
    expect(usb.seek(0xffff_ffff)).toBe(true);
    expect(usb.control(0xa1, 2, { length: 100 })).toHaveLength(0);
    expect(usb.status()).toEqual(OK);
  });

  it('without an image is errFIRMWARE', () => {
    const usb = new BoardOnUsb();
    expect(() => usb.upload()).toThrow('stalled');
    expect(usb.status()).toMatchObject({ status: 0x0a, state: STATE.dfuERROR });
    expect(usb.refusal()[0]).toBe(4);
  });
});

describe('an announced image', () => {
  it('is written only where it differs, and checked as a whole', () => {
    const usb = new BoardOnUsb({ image: A });
    expect(usb.download(B)).toEqual(OK);
    // The other slot still holds A.
    const operations = usb.flash.operations;
    expect(usb.announce(A)).toMatchObject({ status: 0, state: STATE.dfuDNLOAD_IDLE });
    const expected = Array.from({ length: SECTORS }, (_, sector) =>
      crc32c(A.subarray(4096 * sector, 4096 * (sector + 1))),
    );
    expect(usb.sums()).toEqual(expected);
    usb.control(0x21, 1);
    expect(usb.settle()).toEqual(OK);
    expect(usb.running).toBe(a);
    // A record of the boot table.
    expect(usb.flash.operations).toBe(operations + 1);
    expect(Buffer.from(usb.control(0xc1, 0x23, { length: 32 }) ?? []).toString('hex')).toBe(a);
  });

  it('is resumed where it was interrupted', () => {
    const first = new BoardOnUsb({ image: A });
    for (const sector of [0, 1, 2]) first.block(sector, B.subarray(4096 * sector, 4096 * (sector + 1)));
    first.device.unplug();
    first.work();
    const usb = new BoardOnUsb({ bits: first.bits });
    expect(usb.running).toBe(a);
    usb.announce(B);
    const sums = usb.sums() ?? [];
    const missing = sums.flatMap((sum, sector) => {
      return sum === crc32c(B.subarray(4096 * sector, 4096 * (sector + 1))) ? [] : [sector];
    });
    expect(missing).toEqual(Array.from({ length: SECTORS - 3 }, (_, index) => index + 3));
    for (const sector of missing) {
      expect(usb.seek(sector)).toBe(true);
      expect(usb.block(7 * sector, B.subarray(4096 * sector, 4096 * (sector + 1)))?.status).toBe(0);
    }
    usb.control(0x21, 1);
    expect(usb.settle()).toEqual(OK);
    expect(usb.running).toBe(b);
  });

  it('that is not what the slot holds afterwards is errVERIFY', () => {
    const usb = new BoardOnUsb({ image: A });
    usb.announce(B);
    usb.seek(1);
    usb.block(0, B.subarray(4096, 8192));
    usb.control(0x21, 1);
    expect(usb.settle()).toEqual({ status: 7, pollMs: 0, state: STATE.dfuERROR });
    expect(usb.running).toBe(a);
    expect(usb.control(0xc1, 0x23, { length: 32 })).toBeUndefined();
  });

  it('goes forward only, sector by sector', () => {
    const usb = new BoardOnUsb({ image: A });
    expect(usb.sums()).toBeUndefined();
    usb.announce(B);
    expect([usb.seek(2), usb.seek(1), usb.seek(SECTORS), usb.seek(0x3fff_ffff)]).toEqual([true, false, false, false]);
    expect(usb.sums(1)).toBeUndefined();
    usb.block(0, B.subarray(8192, 8192 + 100));
    // In the middle of a piece.
    expect(usb.seek(4)).toBe(false);
    expect(usb.status()).toMatchObject({ state: STATE.dfuDNLOAD_IDLE });
  });

  it('is announced in dfuIDLE only', () => {
    const usb = new BoardOnUsb({ image: A });
    usb.announce(B);
    expect(usb.announce(B)).toBeUndefined();
    expect(usb.control(0x41, 0x20, { data: new Uint8Array(20) })).toBeUndefined();
    expect(usb.status()).toMatchObject({ status: 0, state: STATE.dfuDNLOAD_IDLE });
  });
});

describe('HELLO over USB', () => {
  it('says what the one on a line says', () => {
    const usb = new BoardOnUsb({ image: A });
    const payload = usb.control(0xc1, 0x80, { length: 1024 }) ?? new Uint8Array(0);
    const hello = decodeMapMessage(HELLO, payload);
    expect(hello).toMatchObject({ value: { serial: 'T-1', sectorBytes: 4096, slots: 2, image: { name: 'tiny' } } });
    expect(usb.control(0xc1, 0x80, { length: 10 })).toEqual(payload.subarray(0, 10));
  });
});

describe.skipIf(IS_ANOTHER_BOARD)('a board that detaches', () => {
  it('by a reset is in DFU mode behind it, and in the runtime behind the next', () => {
    const usb = new BoardOnUsb({ image: A, mode: 'reset' });
    expect(usb.status()).toMatchObject({ state: 0 });
    expect(usb.wires).toHaveLength(1);
    expect(usb.control(0x21, 0, { value: 1000 })).toBeDefined();
    expect(usb.device.awaitsReset).toBe(true);
    usb.device.busReset();
    usb.device.configure(1);
    usb.dfuInterface = 0;
    expect(usb.device.descriptors.hasSerial).toBe(false);
    expect(usb.download(B)).toMatchObject({ status: 0, state: STATE.waitReset });
    expect(usb.device.awaitsReset).toBe(true);
    usb.device.busReset();
    usb.device.configure(1);
    usb.dfuInterface = 2;
    expect(usb.status()).toMatchObject({ state: 0 });
    expect([usb.running, usb.wires.length]).toEqual([b, 2]);
  });

  it('too late for its reset stays in the runtime', () => {
    const usb = new BoardOnUsb({ image: A, mode: 'reset' });
    usb.control(0x21, 0, { value: 500 });
    usb.nowMs += 500;
    expect(usb.device.awaitsReset).toBe(false);
    usb.device.busReset();
    expect(usb.device.descriptors.hasSerial).toBe(true);
  });

  it('goes back to the runtime by a reset in the middle of a download', () => {
    const usb = new BoardOnUsb({ image: A, mode: 'reset' });
    usb.control(0x21, 0, { value: 1000 });
    usb.device.busReset();
    expect(usb.device.descriptors.hasSerial).toBe(false);
    usb.device.busReset();
    expect(usb.device.descriptors.hasSerial).toBe(true);
  });

  it('by itself leaves the bus, and comes back in DFU mode, once', () => {
    const usb = new BoardOnUsb({ image: A, mode: 'will-detach' });
    usb.control(0x21, 0, { value: 1000 });
    expect(usb.device.hasLeft).toBe(true);
    usb.device.unplug();
    expect([usb.device.hasLeft, usb.device.descriptors.hasSerial]).toEqual([false, false]);
    usb.device.unplug();
    expect(usb.device.descriptors.hasSerial).toBe(true);
  });
});

describe.skipIf(IS_ANOTHER_BOARD)('standard requests', () => {
  const usb = new BoardOnUsb();
  const ask = (
    requestType: number,
    request: number,
    value: number,
    index: number,
    length = 0,
  ): number[] | undefined => {
    const answer = usb.control(requestType, request, { value, index, length });
    return answer && Array.from(answer);
  };

  it.each([
    ['GET_STATUS of the device', [0x80, 0, 0, 0, 2], [0, 0]],
    ['GET_STATUS of an interface', [0x81, 0, 0, 2, 2], [0, 0]],
    ['GET_STATUS of an interface that is not there', [0x81, 0, 0, 3, 2], undefined],
    ['GET_STATUS of the control endpoint', [0x82, 0, 0, 0, 2], [0, 0]],
    ['GET_STATUS of an endpoint', [0x82, 0, 0, 0x82, 2], [0, 0]],
    ['GET_STATUS of an endpoint that is not there', [0x82, 0, 0, 0x83, 2], undefined],
    ['GET_CONFIGURATION', [0x80, 8, 0, 0, 1], [1]],
    ['SET_CONFIGURATION 2', [0x00, 9, 2, 0, 0], undefined],
    ['GET_INTERFACE', [0x81, 10, 0, 2, 1], [0]],
    ['SET_INTERFACE of the serial port', [0x01, 11, 0, 1, 0], []],
    ['SET_INTERFACE to a setting that is not there', [0x01, 11, 1, 1, 0], undefined],
    ['SET_ADDRESS', [0x00, 5, 5, 0, 0], []],
    ['SET_FEATURE remote wake-up', [0x00, 3, 1, 0, 0], undefined],
    ['SET_DESCRIPTOR', [0x00, 7, 0x100, 0, 0], undefined],
    ['GET_DESCRIPTOR of a second configuration', [0x80, 6, 0x201, 0, 9], undefined],
    ['GET_DESCRIPTOR of a string that is not there', [0x80, 6, 0x307, 0x409, 255], undefined],
    ['a request in the wrong direction', [0x00, 6, 0x100, 0, 0], undefined],
  ] as const)('%s', (_, [requestType, request, value, index, length], expected) => {
    expect(ask(requestType, request, value, index, length)).toEqual(expected);
  });

  it('halt an endpoint, and let it go on', () => {
    expect(ask(0x02, 3, 0, 0x82)).toEqual([]);
    expect(ask(0x82, 0, 0, 0x82, 2)).toEqual([1, 0]);
    expect(usb.device.read(0x82, 64)).toBe('stall');
    expect(ask(0x02, 1, 0, 0x82)).toEqual([]);
    expect(usb.device.read(0x82, 64)).toBe('nak');
  });

  it('without a configuration leave nothing but descriptors', () => {
    const unconfigured = new BoardOnUsb({ image: A });
    unconfigured.device.configure(0);
    expect(unconfigured.control(0xa1, 3, { length: 6 })).toBeUndefined();
    expect(unconfigured.control(0xc1, 0x80, { length: 64 })).toBeUndefined();
    expect(unconfigured.device.write(2, Uint8Array.of(0))).toBe('stall');
    expect(unconfigured.control(0x80, 6, { value: 0x100, index: 0, length: 18 })).toHaveLength(18);
  });
});
