/** What a board does with a request: one entry for each message type that it knows. */

import { decodeMessage, encodeMapMessage, encodeMessage } from '../../protocol/wire/message.js';
import type { FixedMessage, MapMessage } from '../../protocol/wire/message.js';
import type { MessageGroup } from '../../protocol/wire/message-group.js';
import type { Layout, LayoutValue } from '../../protocol/wire/layout.js';
import type { MapSchema, MapValue } from '../../protocol/cbor-map.js';
import { Refusal } from './refusal.js';

/** A message on its way to the host. */
export interface Reply {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Carries out a request: a reply, nothing, or steps of a few milliseconds that end in one of these. @throws Refusal */
export type Outcome = Reply | undefined | Generator<void, Reply | undefined>;

export interface Handler {
  readonly type: number;
  /** Whether it is taken while a run goes on. */
  readonly duringRun: boolean;
  /** @throws Refusal, also for a payload that it cannot read */
  readonly handle: (payload: Uint8Array) => Outcome;
}

/** A group of messages beyond the base table, and what the board does with its requests. */
export interface HandlerGroup {
  readonly group: MessageGroup;
  readonly handlers: readonly Handler[];
}

export function handler<L extends Layout>(
  message: FixedMessage<L>,
  handle: (request: LayoutValue<L>) => Outcome,
  { duringRun = false } = {},
): Handler {
  return {
    type: message.type,
    duringRun,
    handle: (payload) => {
      const request = decodeMessage(message, payload);
      if (request === undefined) throw new Refusal('malformedPayload', payload.length);
      return handle(request);
    },
  };
}

export function reply<L extends Layout>(message: FixedMessage<L>, value: LayoutValue<L>): Reply {
  return { type: message.type, payload: encodeMessage(message, value) };
}

export function mapReply<S extends MapSchema>(message: MapMessage<S>, value: MapValue<S>): Reply {
  return { type: message.type, payload: encodeMapMessage(message, value) };
}
