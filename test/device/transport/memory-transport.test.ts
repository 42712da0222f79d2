/** Host and board in one process, as whoever embeds a board does it. */

import { expect, it } from 'vitest';
import { BoardConnection } from '../../../device/connection.js';
import { memoryTransport } from '../../../device/transport/memory-transport.js';
import type { MemoryPeer } from '../../../device/transport/memory-transport.js';
import { Board } from '../../../firmware-host/firmware/board.js';
import { BoardProgram } from '../../../firmware-host/board-program.js';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { NorFlash } from '../../../firmware-host/firmware/flash/nor-flash.js';
import { installImage } from '../../../firmware-host/firmware/install-image.js';
import type { WireEvents } from '../../../firmware-host/virtual/wires/wire.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';
import { goodImage } from '../../helpers/good-image.js';
import { boardSequence, receiptsOf } from '../../helpers/machines.js';

function program(image: Uint8Array): BoardProgram {
  const flash = new NorFlash(memoryStore(26 * 4096), 4096);
  installImage(flash, 2, memorySource(image));
  const start = (): Board =>
    new Board({
      identity: { board: 'embedded', serial: 'E-1', firmware: '0' },
      flash,
      slots: 2,
      policy: { limits: MODEL_LIMITS, minimumRevision: 0 },
      bootNonce: 1,
      now: () => performance.now(),
    });
  return new BoardProgram({
    start,
    onCrash: (error) => {
      throw error;
    },
  });
}

it('connects a host with a board in the same process, until the wire is taken away', async () => {
  const board = program(goodImage(1));
  let peer: MemoryPeer | undefined;
  let closed = 0;
  const open = (): Promise<ReturnType<typeof memoryTransport>['transport']> => {
    let events: WireEvents | undefined;
    const wire = memoryTransport(
      'memory',
      (bytes) => events?.onData(bytes),
      () => {
        closed++;
        events?.onGone();
      },
    );
    peer = wire.peer;
    board.connect({
      isReady: true,
      start: (given) => (events = given),
      write: (bytes) => wire.peer.send(bytes),
      close: () => wire.peer.unplug(),
    });
    return Promise.resolve(wire.transport);
  };

  const connection = await BoardConnection.open(open, { reconnectMs: 0 });
  expect(connection.session.hello).toMatchObject({ board: 'embedded', serial: 'E-1' });
  expect(await receiptsOf(await boardSequence(connection), [1, 0])).toHaveLength(2);
  await connection.close();
  expect(closed).toBe(1);

  const second = await BoardConnection.open(open, { reconnectMs: 0 });
  peer?.unplug();
  await expect(second.session.info()).rejects.toMatchObject({ code: 'board-lost' });
  await second.close();
  board.stop();
});
