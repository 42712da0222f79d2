/** A host that sends anything to a board: over USB/IP, in any order and in any state. */

import assert from 'node:assert/strict';
import { DFU_REQUEST, TRANSFER_BYTES } from '../../../firmware-host/firmware/usb/dfu-protocol.js';
import { VENDOR_REQUEST } from '../../../protocol/usb/vendor-requests.js';
import { encodeMessage } from '../../../protocol/wire/message.js';
import { FLASH_BEGIN } from '../../../protocol/wire/messages-flash.js';
import { Prng } from '../../oracle/prng.js';
import { LabBoard } from '../guest/lab-board.js';
import { mmfreeExits } from '../guest/mmfree.js';
import { imageHead, modelPath, modelSha256 } from '../guest/models.js';
import type { ImageHead } from '../guest/models.js';
import { RawHost, wLength } from '../guest/raw-host.js';
import type { ControlPacket } from '../guest/raw-host.js';
import type { Scenario } from '../guest/scenario.js';

const PACKETS = 10_000;
/** So many are on their way at a time. */
const BATCH = 20;
const SCRAPS = 60;
const SEED = 20_240_604;

/** Requests that a board knows: `bmRequestType`, `bRequest`, `wIndex`. */
const KNOWN: readonly (readonly [type: number, request: number, index: number])[] = [
  // Chapter 9: status, halts, descriptors, configuration, alternate settings; and the Microsoft set.
  [0x80, 0, 0],
  [0x81, 0, 2],
  [0x82, 0, 0x81],
  [0x02, 1, 0x82],
  [0x02, 3, 0x02],
  [0x80, 6, 0],
  [0x80, 6, 0x409],
  [0x80, 8, 0],
  [0x00, 9, 0],
  [0x81, 10, 2],
  [0x01, 11, 2],
  [0xc0, 1, 7],
  // CDC-ACM: line coding, line state, break.
  [0x21, 0x20, 0],
  [0xa1, 0x21, 0],
  [0x21, 0x22, 0],
  [0x21, 0x23, 0],
  // DFU 1.1: detach, download, upload, status, state, abort.
  [0x21, 0, 2],
  [0x21, 1, 2],
  [0xa1, 2, 2],
  [0xa1, 3, 2],
  [0x21, 4, 2],
  [0xa1, 5, 2],
  [0x21, 6, 2],
  // Our vendor requests.
  [0xc1, 0x80, 2],
  [0xc1, 0x81, 2],
  [0x41, 0x20, 2],
  [0xc1, 0x21, 2],
  [0x41, 0x22, 2],
  [0xc1, 0x23, 2],
];
const VALUES = [0, 0, 1, 1, 2, 0x0100, 0x0200, 0x0302, 0x0f00];
const MAX_DATA_BYTES = 600;
/** SET_CONFIGURATION (1): without it, most requests are refused. */
const CONFIGURE = Uint8Array.of(0, 9, 1, 0, 0, 0, 0, 0);
/** SET_INTERFACE (0) of the DFU interface. */
const SELECT_WEIGHTS = Uint8Array.of(1, 11, 0, 0, 2, 0, 0, 0);
const NOTHING = new Uint8Array(0);

export const hostileHost: Scenario = {
  name: 'hostile-host',
  expected:
    'random control requests and scraps of USB/IP: STALL or a defined answer, no crash, and not a bit of the flash changes',
  async run(lab) {
    const board = await LabBoard.start(lab, { serial: 'ATTACKED', model: 'dot' });
    const { tcpPort, busId } = board.address;
    const { flashOperations } = board;
    const random = new Prng(SEED);
    const counts = { stalled: 0, answered: 0 };

    let host = await RawHost.open(tcpPort, busId);
    const states = new Set<string>();
    board.onTransfer = ({ state }) => void states.add(state);
    const head = imageHead('dash');
    for (let round = 0; round < PACKETS / BATCH; round++) {
      assert.equal(await host.control(CONFIGURE, NOTHING), 'taken');
      await makeIdle(host);
      const packets = [damagedImage(head, round % 2 === 0, random)];
      while (packets.length < BATCH)
        packets.push(packets.length % 3 === 0 ? randomPacket(random) : likelyPacket(random));
      const answers = await host.controlAll(packets);
      assert.equal(answers[0], 'taken', 'a damaged image did not come to be looked at');
      const stalled = answers.filter((answer) => answer === 'stall').length;
      counts.stalled += stalled;
      counts.answered += BATCH - stalled;
      if (round % 50 === 49) {
        await host.close();
        host = await RawHost.open(tcpPort, busId);
      }
    }
    await host.close();
    for (let scrap = 0; scrap < SCRAPS; scrap++) await sendScrap(tcpPort, busId, random);

    assert.equal(board.flashOperations, flashOperations, 'the flash was written to');
    assert.equal(board.runs, modelSha256('dot'));
    // And it serves the next host as if nothing had been.
    const selector = `usbip:127.0.0.1:${tcpPort}/${busId}`;
    await mmfreeExits(lab.log, 0, ['flash', modelPath('dot'), '--board', selector]);
    return {
      'DFU states': states.size,
      'control requests': PACKETS,
      ...counts,
      'scraps of USB/IP': SCRAPS,
      'flash operations': board.flashOperations - flashOperations,
    };
  },
};

/** A good image with one bit of its head flipped, announced or as a block. */
function damagedImage(head: ImageHead, isAnnounced: boolean, random: Prng): ControlPacket {
  const prefix = head.prefix.slice();
  prefix[random.between(0, prefix.length - 1)]! ^= 1 << random.between(0, 7);
  if (isAnnounced) return packetOf(0x41, VENDOR_REQUEST.flashBegin, encodeMessage(FLASH_BEGIN, { ...head, prefix }));
  const block = Uint8Array.of(...prefix, ...randomBytes(random, TRANSFER_BYTES - prefix.length));
  return packetOf(0x21, DFU_REQUEST.dnload, block);
}

/** Brings the board to where it takes images, from whatever state. */
async function makeIdle(host: RawHost): Promise<void> {
  await host.control(SELECT_WEIGHTS, NOTHING);
  const isIdle = await host.control(...packetOf(0x21, DFU_REQUEST.abort, NOTHING));
  if (isIdle === 'stall') await host.control(...packetOf(0x21, DFU_REQUEST.clrStatus, NOTHING));
}

function packetOf(type: number, request: number, data: Uint8Array): ControlPacket {
  return [Uint8Array.of(type, request, 0, 0, 2, 0, data.length & 0xff, data.length >> 8), data];
}

function randomPacket(random: Prng): ControlPacket {
  const setup = randomBytes(random, 8);
  // As long as the data may be; what a host announces without sending it is for the scraps.
  setup[7]! &= 0x01;
  return [setup, dataFor(setup, random)];
}

/** A request that the board knows, with some value and length; one of four has a wrong byte. */
function likelyPacket(random: Prng): ControlPacket {
  const pick = <T>(values: readonly T[]): T => values[random.between(0, values.length - 1)]!;
  const [type, request, index] = pick(KNOWN);
  const value = random.between(0, 5) === 0 ? random.between(0, 0xffff) : pick(VALUES);
  const length = pick([0, 6, 7, 64, random.between(0, MAX_DATA_BYTES)]);
  const words = [value, index, length].flatMap((word) => [word & 0xff, word >> 8]);
  const setup = Uint8Array.from([type, request, ...words]);
  if (random.between(0, 3) === 0) setup[random.between(0, 6)] = random.next() & 0xff;
  return [setup, dataFor(setup, random)];
}

function dataFor(setup: Uint8Array, random: Prng): Uint8Array {
  return (setup[0]! & 0x80) === 0 ? randomBytes(random, wLength(setup)) : new Uint8Array(0);
}

/** Bytes that are no proper message, in front of an import or behind it; the server may hang up, and nothing else. */
async function sendScrap(tcpPort: number, busId: string, random: Prng): Promise<void> {
  const host = random.next() % 2 === 0 ? await RawHost.open(tcpPort, busId) : await RawHost.connect(tcpPort);
  const scrap = randomBytes(random, random.between(1, 300));
  // A proper head now and then, so that what follows is read.
  if (random.next() % 2 === 0) scrap.set([0, 0, 0, random.between(1, 2)].slice(0, scrap.length));
  host.send(scrap);
  await host.close();
}

function randomBytes(random: Prng, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.next() & 0xff);
}
