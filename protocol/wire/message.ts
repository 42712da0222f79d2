/** What every message has: a number, a name, who gets it, and what is in it. docs/PROTOCOL.md, section 3. */

import { decodeMap, encodeMap } from '../cbor-map.js';
import type { MapResult, MapSchema, MapValue, UnknownKeys } from '../cbor-map.js';
import { decodeLayout, encodeLayout } from './layout.js';
import type { Layout, LayoutValue } from './layout.js';

interface MessageHead {
  /** Below 0x80 for the board, from there on for the host. */
  readonly type: number;
  readonly name: string;
}

/** A message of bytes at fixed places. */
export interface FixedMessage<L extends Layout = Layout> extends MessageHead {
  readonly layout: L;
}

/** A message that is a CBOR map. */
export interface MapMessage<S extends MapSchema = MapSchema> extends MessageHead {
  readonly schema: S;
}

export function fixedMessage<L extends Layout>(type: number, name: string, layout: L): FixedMessage<L> {
  return { type, name, layout };
}

export function mapMessage<S extends MapSchema>(type: number, name: string, schema: S): MapMessage<S> {
  return { type, name, schema };
}

/** The payload of a message. @throws RangeError if a value is out of range */
export function encodeMessage<L extends Layout>(message: FixedMessage<L>, value: LayoutValue<L>): Uint8Array {
  return encodeLayout(message.layout, value);
}

/** The value of a payload; undefined if it is malformed. Bytes in it are views. */
export function decodeMessage<L extends Layout>(
  message: FixedMessage<L>,
  payload: Uint8Array,
): LayoutValue<L> | undefined {
  return decodeLayout(message.layout, payload);
}

/** The payload of a CBOR message. @throws RangeError if a value is out of range */
export function encodeMapMessage<S extends MapSchema>(message: MapMessage<S>, value: MapValue<S>): Uint8Array {
  return encodeMap(message.schema, value);
}

/** The value of a payload, or what is wrong with it. */
export function decodeMapMessage<S extends MapSchema>(
  message: MapMessage<S>,
  payload: Uint8Array,
  unknownKeys?: UnknownKeys,
): MapResult<MapValue<S>> {
  return decodeMap(message.schema, payload, unknownKeys);
}
