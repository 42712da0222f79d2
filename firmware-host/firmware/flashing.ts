/** Requests that change or read the image in the flash. docs/PROTOCOL.md, section 6. */

import type { LayoutValue } from '../../protocol/wire/layout.js';
import {
  CONFIRM,
  FLASH_BEGIN,
  FLASH_COMPARE,
  FLASH_DATA,
  FLASH_END,
  FLASH_ENDED,
  FLASH_READ,
  FLASH_READY,
  FLASH_SUMS,
  FLASH_WRITE,
  REVERT,
} from '../../protocol/wire/messages-flash.js';
import { DONE } from '../../protocol/wire/messages-run.js';
import type { ImageStore } from './image-store.js';
import { ImageWriter } from './image-writer.js';
import { Refusal } from './refusal.js';
import { handler, reply } from './request.js';
import type { Handler, Reply } from './request.js';

export class Flashing {
  readonly handlers: readonly Handler[] = [
    handler(FLASH_BEGIN, (request) => this.#begin(request)),
    handler(FLASH_COMPARE, ({ firstSector, sectors }) =>
      reply(FLASH_SUMS, { firstSector, crc32c: this.#writer.sums(firstSector, sectors) }),
    ),
    handler(FLASH_WRITE, ({ offset, data }) => {
      this.#writer.write(offset, data);
      return undefined;
    }),
    handler(FLASH_END, () => this.#end()),
    handler(FLASH_READ, (request) => this.#read(request)),
    handler(CONFIRM, () => this.#confirm()),
    handler(REVERT, () => this.#revert()),
  ];
  readonly #images: ImageStore;
  readonly #writer: ImageWriter;

  constructor(images: ImageStore, sectorBytes: number) {
    this.#images = images;
    this.#writer = new ImageWriter(images, sectorBytes);
  }

  /** Whether a file is on its way. */
  get isActive(): boolean {
    return this.#writer.isOpen;
  }

  /** The host is gone; what was written stays and is found by the next `FLASH_COMPARE`. */
  abandon(): void {
    this.#writer.abandon();
  }

  *#begin({ imageLength, prefix, seal }: LayoutValue<typeof FLASH_BEGIN.layout>): Generator<void, Reply> {
    const slot = yield* this.#writer.begin({ imageLength, prefix: prefix.slice(), seal: seal.slice() });
    return reply(FLASH_READY, { slot, imageLength });
  }

  *#end(): Generator<void, Reply> {
    const { slot, sha256 } = yield* this.#writer.end();
    yield* this.#images.switchTo(slot);
    return reply(FLASH_ENDED, { sha256 });
  }

  #read({ offset, length }: LayoutValue<typeof FLASH_READ.layout>): Reply {
    const source = this.#images.running?.source;
    if (source === undefined) throw new Refusal('noImage');
    if (offset + length > source.length) throw new Refusal('writeOutOfOrder', offset);
    return reply(FLASH_DATA, { offset, data: source.read(offset, length) });
  }

  #confirm(): Reply {
    this.#images.confirm();
    return reply(DONE, { request: CONFIRM.type });
  }

  *#revert(): Generator<void, Reply> {
    // What is on its way goes into the slot that may run now.
    this.#writer.abandon();
    yield* this.#images.revert();
    return reply(DONE, { request: REVERT.type });
  }
}
