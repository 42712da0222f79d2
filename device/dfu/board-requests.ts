/** The vendor requests of boards of ours, beside DFU. docs/USB.md, section 4. */

import { decodeMessage, encodeMessage } from '../../protocol/wire/message.js';
import type { LayoutValue } from '../../protocol/wire/layout.js';
import { ERROR } from '../../protocol/wire/messages-board.js';
import type { Hello } from '../../protocol/wire/messages-board.js';
import { decodeHello } from '../../protocol/wire/messages.js';
import { FLASH_BEGIN, FLASH_SUMS } from '../../protocol/wire/messages-flash.js';
import { SECTORS_PER_PAGE, VENDOR_REQUEST } from '../../protocol/usb/vendor-requests.js';
import { boardMalformed, unservedBy } from '../board-error.js';
import { boardRefuses } from '../refusal-error.js';
import type { BoardError } from '../board-error.js';
import { SCHEMA } from '../../protocol/wire/message-schema.js';
import type { UsbConnection } from '../usb/usb-connection.js';
import type { UsbSetup } from '../usb/usb-device.js';
import { DFU_STATE } from './dfu-protocol.js';
import type { DfuClient } from './dfu-client.js';

const MAX_HELLO_BYTES = 1024;
const ERROR_BYTES = 12;
const SHA256_BYTES = 32;
/** First sector, count and zeros in front of the sums. */
const SUMS_HEAD_BYTES = 8;

export class BoardRequests {
  readonly #client: DfuClient;
  readonly #connection: UsbConnection;

  /** From then on errors of the client are explained by the board's own codes. */
  constructor(client: DfuClient) {
    this.#client = client;
    this.#connection = client.connection;
    client.explain = async (): Promise<BoardError | undefined> => await this.#error();
  }

  /** Who the board is and what it runs; undefined if it is none of ours. @throws BoardError `board-other-protocol` */
  async hello(): Promise<Hello | undefined> {
    const bytes = await this.#in(VENDOR_REQUEST.hello, 0, MAX_HELLO_BYTES);
    if (bytes === undefined) return undefined;
    const result = decodeHello(bytes, SCHEMA);
    if (result.kind === 'hello') return result.hello;
    if (result.kind !== 'malformed') throw unservedBy(this.#client.name, result);
    throw boardMalformed(this.#client.name, `its HELLO is not valid: ${result.problem}`);
  }

  /** Announces an image. @throws BoardError if the board does not take it; nothing is erased then */
  async begin(image: LayoutValue<typeof FLASH_BEGIN.layout>): Promise<void> {
    const isTaken = await this.#out(VENDOR_REQUEST.flashBegin, encodeMessage(FLASH_BEGIN, image));
    await this.#client.settle(isTaken, 'it looks at the head of the image', DFU_STATE.downloadIdle);
  }

  /** CRC-32C of each sector as the board's slot holds it. */
  async sums(sectors: number): Promise<Uint32Array> {
    const sums = new Uint32Array(sectors);
    for (let page = 0; page * SECTORS_PER_PAGE < sectors; page++) {
      const first = page * SECTORS_PER_PAGE;
      const count = Math.min(SECTORS_PER_PAGE, sectors - first);
      const bytes = await this.#in(VENDOR_REQUEST.flashSums, page, SUMS_HEAD_BYTES + 4 * count);
      const answer = bytes && decodeMessage(FLASH_SUMS, bytes);
      if (answer?.firstSector !== first || answer.crc32c.length !== count) {
        throw boardMalformed(this.#client.name, 'it sends other checksums than those of the sectors asked for');
      }
      sums.set(answer.crc32c, first);
    }
    return sums;
  }

  /** The next block goes to, or comes from, the start of this sector. */
  async seek(sector: number): Promise<void> {
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, sector, true);
    if (await this.#out(VENDOR_REQUEST.flashSeek, data)) return;
    throw boardMalformed(this.#client.name, `it refuses to go to sector ${sector}`);
  }

  /** SHA-256 of the file that the board has checked last, as it reads it back; undefined if there is none. */
  async hash(): Promise<Uint8Array | undefined> {
    const bytes = await this.#in(VENDOR_REQUEST.flashHash, 0, SHA256_BYTES);
    if (bytes === undefined || bytes.length === SHA256_BYTES) return bytes;
    throw boardMalformed(this.#client.name, `its SHA-256 has ${bytes.length} bytes`);
  }

  async #error(): Promise<BoardError | undefined> {
    const bytes = await this.#in(VENDOR_REQUEST.error, 0, ERROR_BYTES);
    const refusal = bytes && decodeMessage(ERROR, bytes);
    // Without a reason there is still the status of DFU.
    if (refusal === undefined || refusal.code === 0) return undefined;
    return boardRefuses(this.#client.name, refusal);
  }

  async #in(request: number, value: number, length: number): Promise<Uint8Array | undefined> {
    return await this.#connection.controlIn(this.#setup(request, value), length);
  }

  async #out(request: number, data: Uint8Array): Promise<boolean> {
    return await this.#connection.controlOut(this.#setup(request, 0), data.slice());
  }

  #setup(request: number, value: number): UsbSetup {
    const { interfaceNumber: index } = this.#client.setting;
    return { requestType: 'vendor', recipient: 'interface', request, value, index };
  }
}
