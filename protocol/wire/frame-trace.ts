/**
 * What went over a wire, decoded, for who brings up a board: a record for each frame, and for what is none.
 *
 * Messages of groups beyond the base table are named and not shown: such as the proof of a key is nobody's business.
 */

import { crc32 } from '../crc32.js';
import { hexOf, hexOfWord } from '../hex.js';
import type { Frame } from './frame.js';
import { FrameReader, type FrameEvent } from './frame-reader.js';
import { decodeMapMessage, decodeMessage } from './message.js';
import { GROUPS } from './groups/message-groups.js';
import { GET_HELLO, FULL_HELLO, HELLO } from './messages-board.js';
import { MESSAGES } from './messages.js';

/** What can be written as JSON. */
export type TraceValue = string | number | boolean | null | readonly TraceValue[] | TraceRecord;
export interface TraceRecord {
  readonly [key: string]: TraceValue;
}

/** Sees the bytes of wires, in pieces as they are written and come. */
export interface WireObserver {
  /** A wire is open. @param name as the user writes it */
  open(name: string): WireTap;
}

/** One wire. */
export interface WireTap {
  toBoard(bytes: Uint8Array): void;
  toHost(bytes: Uint8Array): void;
  /** Nothing comes afterwards; the first reason counts. */
  close(reason: string): void;
}

/** Longer bytes are told by their length, their start and a checksum. */
const SHOWN_BYTES = 64;
const SHOWN_START = 16;

/** @param record takes each record @param now milliseconds since any moment */
export function frameTracer(record: (record: TraceRecord) => void, now: () => number): WireObserver {
  let wires = 0;
  return {
    open(name) {
      const wire = ++wires;
      const add = (what: TraceRecord): void => record({ ms: Math.round(now() * 1000) / 1000, wire, ...what });
      const direction = (to: 'board' | 'host'): ((bytes: Uint8Array) => void) => {
        const reader = new FrameReader();
        return (bytes) => {
          for (const event of reader.feed(bytes)) add({ to, ...recordOf(event) });
        };
      };
      let isOpen = true;
      const close = (reason: string): void => {
        if (isOpen) add({ kind: 'close', reason });
        isOpen = false;
      };
      add({ kind: 'open', name });
      return { toBoard: direction('board'), toHost: direction('host'), close };
    },
  };
}

function recordOf(event: FrameEvent): TraceRecord {
  switch (event.kind) {
    case 'bad':
      return { kind: 'bad', reason: event.reason };
    case 'text':
      return { kind: 'text', text: Array.from(event.bytes, (byte) => String.fromCharCode(byte)).join('') };
    case 'frame':
      break;
  }
  const { kind, type, sequence, acknowledge, window, again, payload } = event.frame;
  switch (kind) {
    case 'data':
      return { kind, sequence, acknowledge, window, type, ...contentOf(event.frame) };
    case 'ack':
      return { kind, acknowledge, window, again };
    case 'syn':
    case 'syn-ack':
    case 'busy':
    case 'end':
      break;
  }
  return { kind, window, payload: hexOf(payload) };
}

/** Name and fields of a message. */
function contentOf({ type, payload }: Frame): TraceRecord {
  const group = GROUPS.find(({ messages }) => messages.some((message) => message.type === type));
  if (group !== undefined) {
    const { name = '' } = group.messages.find((message) => message.type === type) ?? {};
    return { name, group: group.name, bytes: payload.length };
  }
  // A board may answer with more than the base table's HELLO.
  const message = type === HELLO.type ? FULL_HELLO : [...MESSAGES, GET_HELLO].find((known) => known.type === type);
  if (message === undefined) return { name: null, payload: shown(payload) };
  const { name } = message;
  if ('layout' in message) {
    const value = decodeMessage(message, payload);
    return value === undefined ? { name, malformed: shown(payload) } : { name, fields: shown(value) };
  }
  const result = decodeMapMessage(message, payload, 'ignored');
  return 'value' in result
    ? { name, fields: shown(result.value) }
    : { name, malformed: shown(payload), problem: result.problem };
}

/** A field's value as JSON: bytes in hexadecimal, numbers of 64 bits as text. */
function shown(value: unknown): TraceValue {
  if (value instanceof Uint8Array) {
    if (value.length <= SHOWN_BYTES) return hexOf(value);
    const crc = hexOfWord(crc32(value));
    return { length: value.length, start: hexOf(value.subarray(0, SHOWN_START)), crc32: crc };
  }
  if (value instanceof Uint32Array) return Array.from(value);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item)]));
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
