/** Groups of messages beyond the base table, between hosts and boards that know them and that do not. */

import { describe, expect, it } from 'vitest';

import { handler, reply } from '../../firmware-host/firmware/request.js';
import type { HandlerGroup } from '../../firmware-host/firmware/request.js';
import { memoryTransport } from '../../device/transport/memory-transport.js';
import { BoardSession } from '../../device/session.js';
import { BoardLink } from '../../protocol/wire/board-link.js';
import { u32 } from '../../protocol/wire/layout.js';
import { encodeMessage, fixedMessage } from '../../protocol/wire/message.js';
import { BOARD_ERRORS, ERROR, GET_HELLO } from '../../protocol/wire/messages-board.js';
import { BoardOnALine } from '../helpers/board-on-a-line.js';
import { IS_ANOTHER_BOARD } from '../helpers/c-board.js';

const ECHO = fixedMessage(0x70, 'ECHO', { word: u32() });
const ECHOED = fixedMessage(0xf0, 'ECHOED', { word: u32() });

/** One table and one handler. */
const ECHO_GROUP: HandlerGroup = {
  group: { name: 'echo.1', messages: [ECHO, ECHOED] },
  handlers: [handler(ECHO, ({ word }) => reply(ECHOED, { word }))],
};

describe('a board with a group of messages', () => {
  it.skipIf(IS_ANOTHER_BOARD)('names it when asked, and takes its requests', async () => {
    const line = new BoardOnALine({ groups: [ECHO_GROUP] });
    const { session } = await line.connect();
    expect([...(await line.clock.until(session.capabilities()))]).toEqual(['echo.1', 'state.1']);
    expect(await line.clock.until(session.request(ECHO, { word: 7 }, ECHOED))).toEqual({ word: 7 });
  });

  it('opens a session as ever: hosts from before groups take no further key', async () => {
    const line = new BoardOnALine({ groups: [ECHO_GROUP] });
    const { session } = await line.connect();
    expect(session.hello.capabilities).toBeUndefined();
  });

  it('is asked once in a session', async () => {
    const line = new BoardOnALine({ groups: [ECHO_GROUP] });
    const { session } = await line.connect();
    await line.clock.until(session.capabilities());
    const { frames } = line;
    await line.clock.until(session.capabilities());
    expect(line.frames).toBe(frames);
  });
});

describe('a board without groups', () => {
  it.skipIf(IS_ANOTHER_BOARD)(
    'from before groups answers ERROR 1, which is none, and the session goes on',
    async () => {
      const line = new BoardOnALine();
      const hello = line.board.hello();
      const requests: number[] = [];
      const { transport, peer } = memoryTransport('old', (bytes) => {
        link.receive(bytes);
        link.poll();
      });
      const link: BoardLink = new BoardLink({
        now: () => line.clock.now(),
        write: (bytes) => peer.send(bytes),
        onEvent: (event) => {
          if (event.kind === 'opened') link.send(hello.type, hello.payload);
          if (event.kind !== 'message') return;
          requests.push(event.type);
          const refusal = { code: BOARD_ERRORS.unknownRequest, request: event.type, factA: 0, factB: 0 };
          link.send(ERROR.type, encodeMessage(ERROR, refusal));
        },
      });
      const session = await line.clock.until(BoardSession.open(transport, { clock: line.clock }));
      expect((await line.clock.until(session.capabilities())).size).toBe(0);
      expect(await line.clock.until(session.infoIfKnown())).toBeUndefined();
      expect(requests[0]).toBe(GET_HELLO.type);
    },
  );
});
