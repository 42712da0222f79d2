/**
 * What a processor of the RP2040 reads and writes, in the place of what rp2040js does: memory as it is, and an Error
 * for what would be a HardFault (Armv6-M, B1.5.6): unaligned and unmapped addresses, stores into flash. One, too, for
 * stores into ROM, which do nothing on the chip (RP2040 data sheet, 2.5.1) and which no firmware means. Reads of flash
 * take the time that the flash takes.
 */

import type { RP2040 } from 'rp2040js';

type Core = RP2040['core'];

export const RAM = 0x2000_0000;
export const RAM_BYTES = 264 * 1024;

/** All that is not RAM. */
export interface SlowBus {
  read(core: Core, address: number, bytes: 1 | 2 | 4): number;
  write(core: Core, address: number, bytes: 1 | 2 | 4, value: number): void;
}

interface Memory {
  readonly ram8: Uint8Array;
  readonly ram16: Uint16Array;
  readonly ram32: Uint32Array;
  readonly slow: SlowBus;
}

type OnBus = Core & { memory: Memory };

/** Both processors share the functions, so that they stay quick. */
export function connectToBus(core: Core, ram: Uint8Array<ArrayBuffer>, slow: SlowBus): void {
  const memory: Memory = {
    ram8: ram,
    ram16: new Uint16Array(ram.buffer),
    ram32: new Uint32Array(ram.buffer),
    slow,
  };
  Object.assign(core, { memory, readUint8, readUint16, readUint32, writeUint8, writeUint16, writeUint32 });
}

function readUint8(this: OnBus, address: number): number {
  const offset = address - RAM;
  return offset >= 0 && offset < RAM_BYTES ? this.memory.ram8[offset]! : this.memory.slow.read(this, address >>> 0, 1);
}

function readUint16(this: OnBus, address: number): number {
  const offset = address - RAM;
  const isQuick = offset >= 0 && offset < RAM_BYTES && (offset & 1) === 0;
  return isQuick ? this.memory.ram16[offset >> 1]! : this.memory.slow.read(this, address >>> 0, 2);
}

function readUint32(this: OnBus, address: number): number {
  const offset = address - RAM;
  const isQuick = offset >= 0 && offset < RAM_BYTES && (offset & 3) === 0;
  return isQuick ? this.memory.ram32[offset >> 2]! : this.memory.slow.read(this, address >>> 0, 4);
}

function writeUint8(this: OnBus, address: number, value: number): void {
  const offset = address - RAM;
  if (offset >= 0 && offset < RAM_BYTES) this.memory.ram8[offset] = value;
  else this.memory.slow.write(this, address >>> 0, 1, value);
}

function writeUint16(this: OnBus, address: number, value: number): void {
  const offset = address - RAM;
  const isQuick = offset >= 0 && offset < RAM_BYTES && (offset & 1) === 0;
  if (isQuick) this.memory.ram16[offset >> 1] = value;
  else this.memory.slow.write(this, address >>> 0, 2, value);
}

function writeUint32(this: OnBus, address: number, value: number): void {
  const offset = address - RAM;
  const isQuick = offset >= 0 && offset < RAM_BYTES && (offset & 3) === 0;
  if (isQuick) this.memory.ram32[offset >> 2] = value;
  else this.memory.slow.write(this, address >>> 0, 4, value);
}
