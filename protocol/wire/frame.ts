/**
 * Frames: what travels on the line. docs/PROTOCOL.md, section 1.
 *
 * | offset | size | field                                   |
 * | ------ | ---- | --------------------------------------- |
 * | 0      | 1    | kind, the index in {@link FRAME_KINDS}   |
 * | 1      | 1    | type of the message, `data` only        |
 * | 2      | 1    | sequence number, `data` only            |
 * | 3      | 1    | acknowledge, `data` and `ack` only      |
 * | 4      | 1    | window                                  |
 * | 5      | 1    | bit 0: again, `ack` only; others 0      |
 * | 6      | n    | payload                                 |
 * | 6 + n  | 4    | CRC-32 of all before it                 |
 */

import { cobsBound, cobsEncode } from './cobs.js';
import { crc32 } from '../crc32.js';

/** Kinds by their number on the line. */
export const FRAME_KINDS = ['data', 'ack', 'syn', 'syn-ack', 'busy', 'end'] as const;

export type FrameKind = (typeof FRAME_KINDS)[number];

/** One frame; fields that its kind does not have are 0. */
export interface Frame {
  readonly kind: FrameKind;
  /** Type of the message, 0 … 255. */
  readonly type: number;
  /** 0 … 255. */
  readonly sequence: number;
  /** The sequence number that the sender of the frame expects next. */
  readonly acknowledge: number;
  /** Frames beyond `acknowledge` that the sender of the frame can take, 0 … {@link MAX_WINDOW}. */
  readonly window: number;
  /** The sender of the frame misses something: repeat from `acknowledge`. */
  readonly again: boolean;
  /** 0 … {@link MAX_PAYLOAD_BYTES} bytes. */
  readonly payload: Uint8Array;
}

/** What is wrong with a bad frame: its stuffing, its length, its checksum, its kind, or another field. */
export type BadReason = 'cobs' | 'length' | 'crc' | 'kind' | 'reserved';

export const MAX_PAYLOAD_BYTES = 4096;
export const MAX_WINDOW = 32;

const HEAD_BYTES = 6;
const CRC_BYTES = 4;
const AGAIN = 1;
const MIN_FRAME_BYTES = HEAD_BYTES + CRC_BYTES;
const MAX_FRAME_BYTES = HEAD_BYTES + MAX_PAYLOAD_BYTES + CRC_BYTES;

/** Longest encoding of a frame, without the delimiter. */
export const MAX_ENCODED_BYTES = cobsBound(MAX_FRAME_BYTES);

/** Bytes on the line, at least and without stuffing, for a payload of 0 bytes: head, CRC, code byte, delimiter. */
export const FRAME_OVERHEAD_BYTES = MIN_FRAME_BYTES + 2;

/** Fewest and most bytes of payload. */
const PAYLOAD_BYTES: Readonly<Record<FrameKind, readonly [number, number]>> = {
  data: [0, MAX_PAYLOAD_BYTES],
  ack: [0, 0],
  syn: [12, 12],
  'syn-ack': [4, 4],
  busy: [8, 8],
  end: [0, 0],
};

/** Work space; nothing of it outlives a call. */
const scratch = new Uint8Array(MAX_FRAME_BYTES);
const scratchView = new DataView(scratch.buffer);

/**
 * The frame as it goes out, with its delimiter.
 *
 * @param afterPause puts a delimiter in front as well, which ends whatever noise the pause brought
 * @throws RangeError if the payload is longer than the kind allows
 */
export function encodeFrame(frame: Frame, afterPause = false): Uint8Array {
  const { kind, payload } = frame;
  const [fewest, most] = PAYLOAD_BYTES[kind];
  if (payload.length < fewest || payload.length > most) {
    throw new RangeError(`a frame of kind ${kind} has ${fewest} to ${most} bytes of payload, not ${payload.length}`);
  }
  const crcAt = HEAD_BYTES + payload.length;
  scratch[0] = FRAME_KINDS.indexOf(kind);
  scratch[1] = frame.type;
  scratch[2] = frame.sequence;
  scratch[3] = frame.acknowledge;
  scratch[4] = frame.window;
  scratch[5] = frame.again ? AGAIN : 0;
  scratch.set(payload, HEAD_BYTES);
  scratchView.setUint32(crcAt, crc32(scratch.subarray(0, crcAt)), true);

  const start = afterPause ? 1 : 0;
  const length = crcAt + CRC_BYTES;
  const line = new Uint8Array(start + cobsBound(length) + 1);
  const end = start + cobsEncode(scratch.subarray(0, length), line.subarray(start));
  line[end] = 0;
  return line.subarray(0, end + 1);
}

/** Reads a frame out of its bytes without stuffing. The payload is a copy. */
export function decodeFrame(bytes: Uint8Array): Frame | BadReason {
  if (bytes.length < MIN_FRAME_BYTES || bytes.length > MAX_FRAME_BYTES) return 'length';
  const crcAt = bytes.length - CRC_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (crc32(bytes.subarray(0, crcAt)) !== view.getUint32(crcAt, true)) return 'crc';

  const kind = FRAME_KINDS[bytes[0]!];
  if (kind === undefined) return 'kind';
  const [fewest, most] = PAYLOAD_BYTES[kind];
  const payload = bytes.slice(HEAD_BYTES, crcAt);
  if (payload.length < fewest || payload.length > most) return 'length';

  const [type, sequence, acknowledge, window, flags] = [bytes[1]!, bytes[2]!, bytes[3]!, bytes[4]!, bytes[5]!];
  const hasRoom = window <= MAX_WINDOW && flags <= (kind === 'ack' ? AGAIN : 0);
  const hasOwnFields = kind === 'data' || ((type | sequence) === 0 && (kind === 'ack' || acknowledge === 0));
  if (!hasRoom || !hasOwnFields) return 'reserved';
  return { kind, type, sequence, acknowledge, window, again: flags === AGAIN, payload };
}
