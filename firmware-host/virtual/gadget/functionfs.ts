/**
 * FunctionFS of Linux: a USB function whose control requests a program answers. What is written to and read from its
 * file `ep0`: Documentation/usb/functionfs.rst and include/uapi/linux/usb/functionfs.h. Integers are little-endian.
 */

import { u16, u32 } from '../../firmware/usb/descriptor-bytes.js';
import { decodeSetup, SETUP_BYTES } from '../../firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../firmware/usb/setup-packet.js';

const DESCRIPTORS_MAGIC = 3;
const STRINGS_MAGIC = 2;
const FLAG = { fullSpeed: 1, highSpeed: 2 } as const;
const US_ENGLISH = 0x0409;

/** @param descriptors of the function's interfaces, the same at both speeds, numbered from 0; strings from 1 */
export function encodeDescriptors(descriptors: readonly Uint8Array[]): Uint8Array {
  const once = descriptors.flatMap((bytes) => Array.from(bytes));
  const counts = [...u32(descriptors.length), ...u32(descriptors.length)];
  const length = 12 + counts.length + 2 * once.length;
  return Uint8Array.from([
    ...u32(DESCRIPTORS_MAGIC),
    ...u32(length),
    ...u32(FLAG.fullSpeed | FLAG.highSpeed),
    ...counts,
    ...once,
    ...once,
  ]);
}

/** @param strings from index 1 on */
export function encodeStrings(strings: readonly string[]): Uint8Array {
  const texts = strings.flatMap((text) => Array.from(Buffer.from(`${text}\0`)));
  return Uint8Array.from([
    ...u32(STRINGS_MAGIC),
    ...u32(18 + texts.length),
    ...u32(strings.length),
    ...u32(1 /* language */),
    ...u16(US_ENGLISH),
    ...texts,
  ]);
}

const EVENTS = ['bind', 'unbind', 'enable', 'disable', 'setup', 'suspend', 'resume'] as const;

export interface FunctionEvent {
  readonly kind: (typeof EVENTS)[number];
  /** Of a `setup`; its index is the interface as the function numbers it. */
  readonly setup: SetupPacket;
}

export const EVENT_BYTES = 12;

/** Undefined for one that newer kernels may have. */
export function decodeEvent(bytes: Uint8Array): FunctionEvent | undefined {
  const kind = EVENTS[bytes[SETUP_BYTES] ?? EVENTS.length];
  return kind && { kind, setup: decodeSetup(bytes) };
}
