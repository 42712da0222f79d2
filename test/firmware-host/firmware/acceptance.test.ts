/** What a board refuses, and that it does so before it erases anything. */

import { describe, expect, it } from 'vitest';
import type { AcceptancePolicy } from '../../../firmware-host/firmware/acceptance.js';
import { NorFlash } from '../../../firmware-host/firmware/flash/nor-flash.js';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { Flashing } from '../../../firmware-host/firmware/flashing.js';
import { ImageStore } from '../../../firmware-host/firmware/image-store.js';
import { installImage } from '../../../firmware-host/firmware/install-image.js';
import { Refusal } from '../../../firmware-host/firmware/refusal.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { sealBytes } from '../../../protocol/image/image-seal.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';
import { BOARD_ERRORS } from '../../../protocol/wire/messages-board.js';
import { encodeMessage } from '../../../protocol/wire/message.js';
import { FLASH_BEGIN, FLASH_READY } from '../../../protocol/wire/messages-flash.js';
import { goodImage } from '../../helpers/good-image.js';
import { newSigner } from '../../helpers/signer.js';
import { TINY_SHAPE } from '../../helpers/tiny-image.js';

const SECTOR_BYTES = 4096;
const OWNER = newSigner();
const STRANGER = newSigner();
const ANY: AcceptancePolicy = { limits: MODEL_LIMITS, minimumRevision: 0 };
const SIGNED_BY_OWNER: AcceptancePolicy = { ...ANY, signer: OWNER.publicKey };
const IMAGE = goodImage(2);

interface Offer {
  readonly image: Uint8Array;
  readonly policy?: AcceptancePolicy;
  readonly slotSectors?: number;
  readonly signed?: boolean;
  readonly imageLength?: number;
}

/** What a board says to an image: its error and facts, or `accepted`. Fails if it did anything to its flash. */
function answerTo({ image, policy = ANY, slotSectors = 12, signed = false, imageLength }: Offer): readonly unknown[] {
  const flash = new NorFlash(memoryStore((2 + 2 * slotSectors) * SECTOR_BYTES), SECTOR_BYTES);
  const images = new ImageStore({ flash, slots: 2, policy });
  const begin = new Flashing(images, SECTOR_BYTES).handlers.find(({ type }) => type === FLASH_BEGIN.type);
  const seal = image.subarray(image.length - sealBytes(signed));
  const prefix = image.subarray(0, 272);
  const payload = encodeMessage(FLASH_BEGIN, { imageLength: imageLength ?? image.length, prefix, seal });
  try {
    const outcome = begin?.handle(payload);
    const step = outcome !== undefined && 'next' in outcome ? outcome.next() : undefined;
    expect(step?.value).toMatchObject({ type: FLASH_READY.type });
    return ['accepted'];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return [error.code, ...error.facts];
  } finally {
    expect(flash.operations).toBe(0);
  }
}

describe('a board', () => {
  it('refuses an image whose program would not compute a token, from its head', () => {
    const program = MODEL_PROGRAM.with(1, 0x9c00);
    expect(answerTo({ image: goodImage(1, { program }) })).toEqual([BOARD_ERRORS.notAnImage, 0, 0]);
    expect(answerTo({ image: goodImage(1, { program: [] }) })).toEqual(['accepted']);
  });

  it('takes an image of any signer unless it is told otherwise', () => {
    expect(answerTo({ image: IMAGE })).toEqual(['accepted']);
    expect(answerTo({ image: goodImage(1, { sign: STRANGER.sign }), signed: true })).toEqual(['accepted']);
  });

  it.each<[string, Offer, readonly number[]]>([
    ['is too large for a slot', { image: IMAGE, slotSectors: 3 }, [BOARD_ERRORS.imageTooLarge, IMAGE.length, 12_288]],
    ...(['vocabSize', 'hiddenSize', 'intermediateSize', 'layers'] as const).map(
      (size, index): [string, Offer, readonly number[]] => [
        `has a larger ${size} than the board`,
        { image: IMAGE, policy: { ...ANY, limits: { ...MODEL_LIMITS, [size]: TINY_SHAPE[size] - 1 } } },
        [BOARD_ERRORS.modelTooLarge, index + 1, TINY_SHAPE[size] - 1],
      ],
    ),
    [
      'is older than allowed',
      { image: goodImage(1, { revision: 6 }), policy: { ...ANY, minimumRevision: 7 } },
      [BOARD_ERRORS.revisionTooOld, 6, 7],
    ],
    ['is not signed', { image: IMAGE, policy: SIGNED_BY_OWNER }, [BOARD_ERRORS.notSigned, 0, 0]],
    [
      'is signed by another key',
      { image: goodImage(1, { sign: STRANGER.sign }), signed: true, policy: SIGNED_BY_OWNER },
      [BOARD_ERRORS.notSigned, 0, 0],
    ],
    [
      'has a signature of another image',
      {
        image: goodImage(1, { sign: () => OWNER.sign(new Uint8Array(48)) }),
        signed: true,
        policy: SIGNED_BY_OWNER,
      },
      [BOARD_ERRORS.signatureWrong, 0, 0],
    ],
    ['has another length than its head says', { image: IMAGE, imageLength: IMAGE.length - 1 }, [10, 0, 0]],
    ['has a seal of another kind', { image: IMAGE, signed: true }, [BOARD_ERRORS.notAnImage, 0, 0]],
  ])('refuses an image that %s', (_, offer, expected) => {
    expect(answerTo(offer)).toEqual(expected);
  });

  it('takes what is just large, new and well signed enough', () => {
    const image = goodImage(1, { revision: 7, sign: OWNER.sign });
    const limits = { ...TINY_SHAPE };
    const policy = { limits, minimumRevision: 7, signer: OWNER.publicKey };
    const slotSectors = Math.ceil(image.length / SECTOR_BYTES);
    expect(answerTo({ image, policy, signed: true, slotSectors })).toEqual(['accepted']);
  });

  it('refuses an image with any bit of its first 272 bytes changed', () => {
    for (let bit = 0; bit < 8 * 272; bit++) {
      const image = IMAGE.slice();
      image[bit >> 3]! ^= 1 << (bit & 7);
      expect(answerTo({ image })).toEqual([BOARD_ERRORS.notAnImage, 0, 0]);
    }
  });

  it('refuses, where it demands a signature, any bit of the seal changed', () => {
    const good = goodImage(1, { sign: OWNER.sign });
    const codes: ReadonlySet<unknown> = new Set([
      BOARD_ERRORS.notAnImage,
      BOARD_ERRORS.notSigned,
      BOARD_ERRORS.signatureWrong,
    ]);
    for (let bit = 0; bit < 8 * sealBytes(true); bit++) {
      const image = good.slice();
      image[image.length - 1 - (bit >> 3)]! ^= 1 << (bit & 7);
      expect(codes).toContain(answerTo({ image, signed: true, policy: SIGNED_BY_OWNER })[0]);
    }
  });
});

describe('a board whose image nobody has confirmed', () => {
  it('does not go back to the one before for an image that it refuses', () => {
    const flash = new NorFlash(memoryStore(26 * SECTOR_BYTES), SECTOR_BYTES);
    installImage(flash, 2, memorySource(goodImage(1)));
    const images = new ImageStore({ flash, slots: 2, policy: ANY });
    for (const _ of images.boot());
    images.slots.eraseSector(1, 0);
    images.slots.program(1, 0, IMAGE);
    for (const _ of images.switchTo(1));
    const { operations } = flash;
    const begin = new Flashing(images, SECTOR_BYTES).handlers.find(({ type }) => type === FLASH_BEGIN.type);
    const head = { prefix: IMAGE.subarray(0, 272), seal: IMAGE.subarray(IMAGE.length - sealBytes(false)) };
    const payload = encodeMessage(FLASH_BEGIN, { imageLength: IMAGE.length + 1, ...head });
    const outcome = begin?.handle(payload);
    expect(() => outcome !== undefined && 'next' in outcome && outcome.next()).toThrow(Refusal);
    expect(flash.operations).toBe(operations);
    expect(images.running).toMatchObject({ slot: 1, confirmed: false });
  });
});

/** Name of the image that runs. */
function started(image: Uint8Array, policy: AcceptancePolicy, change: (bits: Uint8Array) => void = () => {}): string {
  const bits = new Uint8Array(26 * SECTOR_BYTES).fill(0xff);
  installImage(new NorFlash(memoryStore(bits), SECTOR_BYTES), 2, memorySource(image));
  change(bits);
  const images = new ImageStore({ flash: new NorFlash(memoryStore(bits), SECTOR_BYTES), slots: 2, policy });
  for (const _ of images.boot());
  return images.running?.view.manifest.name ?? 'none';
}

describe('at its start, a board', () => {
  it('runs a sound image', () => {
    expect(started(IMAGE, ANY)).toBe('tiny');
  });

  it('runs nothing that breaks its rules, even if it is in the flash', () => {
    expect(started(IMAGE, SIGNED_BY_OWNER)).toBe('none');
    expect(started(IMAGE, { ...ANY, minimumRevision: 1 })).toBe('none');
    expect(started(goodImage(1, { sign: STRANGER.sign }), SIGNED_BY_OWNER)).toBe('none');
    expect(started(goodImage(1, { sign: OWNER.sign }), SIGNED_BY_OWNER)).toBe('tiny');
  });

  it('runs nothing of which a byte changed', () => {
    for (let offset = 0; offset < IMAGE.length; offset += 97) {
      const change = (bits: Uint8Array): void => void (bits[2 * SECTOR_BYTES + offset]! ^= 0x10);
      expect(started(IMAGE, ANY, change)).toBe('none');
    }
  });
});
