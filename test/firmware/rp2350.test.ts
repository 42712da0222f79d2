/**
 * The binary for RP2350, as far as it can be judged without the chip: what its boot ROM looks for before it starts a
 * flash (data sheet, 5.9), and that registers lie where their makers say.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BINARY = readFileSync(join(ROOT, 'firmware/prebuilt/rp2350.bin'));
const FLASH = 0x1000_0000;
const RAM_END = 0x2008_0000;
const MOST_FIRMWARE_BYTES = 64 * 1024;
const SEARCHED_BYTES = 4096;
const MOST_BLOCK_BYTES = 384;

/**
 * Names in firmware/ports/rp2350/registers.h, what the maker calls them, and where they are: from the register
 * headers of pico-sdk (commit a1438dff, src/rp2350/hardware_regs), which are made from the file that RP2350.svd is
 * made from.
 */
const FACTS = JSON.parse(readFileSync(join(ROOT, 'test/firmware/rp2350-registers.json'), 'utf8')) as {
  readonly registers: Readonly<Record<string, readonly [string, string]>>;
  readonly usb: Readonly<Record<string, readonly [string, string]>>;
  readonly resets: Readonly<Record<string, number>>;
  readonly interrupts: Readonly<Record<string, number>>;
};

interface Block {
  readonly items: readonly { readonly type: number; readonly words: readonly number[] }[];
  /** Bytes to the next block of the loop. */
  readonly next: number;
}

/** The block at this place, if there is one: 5.9.1. */
function blockAt(flash: Buffer, start: number): Block | undefined {
  if (flash.readUInt32LE(start) !== 0xffff_ded3) return undefined;
  const items: { type: number; words: number[] }[] = [];
  let words = 0;
  for (let at = start + 4; at < start + MOST_BLOCK_BYTES;) {
    const type = flash.readUInt8(at);
    // Types with the highest bit have sizes of two bytes.
    const size = type >= 0x80 ? flash.readUInt16LE(at + 1) : flash.readUInt8(at + 1);
    if (type === 0xff) {
      const isWhole = size === words && flash.readUInt32LE(at + 8) === 0xab12_3579;
      return isWhole ? { items, next: flash.readInt32LE(at + 4) } : undefined;
    }
    if (size === 0) return undefined;
    items.push({ type, words: Array.from({ length: size }, (_, word) => flash.readUInt32LE(at + 4 * word)) });
    words += size;
    at += 4 * size;
  }
  return undefined;
}

function constantsIn(file: string): ReadonlyMap<string, number> {
  const text = readFileSync(join(ROOT, 'firmware/ports', file), 'utf8');
  const all = text.matchAll(/^#define (\w+)(?:\(\w+\))? \(?(1u << )?(0x[0-9a-f]+|\d+)u?/gm);
  return new Map(
    [...all].map(([, name, bit, value]) => [name!, bit === undefined ? Number(value) : 2 ** Number(value)]),
  );
}

describe('the binary for RP2350', () => {
  it('begins with a block that says what it is for', () => {
    const places = Array.from({ length: SEARCHED_BYTES / 4 }, (_, word) => 4 * word);
    const blocks = places.flatMap((at) => blockAt(BINARY, at) ?? []);
    expect(blocks).toHaveLength(1);
    const [{ items, next }] = blocks as [Block];
    // A loop of one.
    expect(next).toBe(0);
    // IMAGE_TYPE: no vectors or entry point elsewhere, no hash, no signature.
    expect(items.map(({ type }) => type)).toEqual([0x42]);
    const flags = items[0]!.words[0]! >>> 16;
    expect({
      kind: flags & 0xf,
      security: (flags >> 4) & 3,
      processor: (flags >> 8) & 7,
      chip: (flags >> 12) & 7,
      isToBeBought: flags >> 15,
    }).toEqual({ kind: 1, security: 2, processor: 0, chip: 1, isToBeBought: 0 });
  });

  it('has vectors at its beginning, and starts from flash', () => {
    expect(BINARY.readUInt32LE(0)).toBe(RAM_END);
    const reset = BINARY.readUInt32LE(4);
    // Thumb.
    expect(reset & 1).toBe(1);
    expect(reset).toBeGreaterThan(FLASH);
    expect(reset).toBeLessThan(FLASH + BINARY.length);
  });

  it('leaves room for a model', () => {
    expect(BINARY.length).toBeLessThanOrEqual(MOST_FIRMWARE_BYTES);
  });

  it('finds registers where they are', () => {
    const constants = constantsIn('rp2350/registers.h');
    const known = {
      ...Object.fromEntries(Object.entries(FACTS.registers).map(([name, [, address]]) => [name, Number(address)])),
      ...Object.fromEntries(Object.entries(FACTS.resets).map(([name, bit]) => [name, 2 ** bit])),
      ...FACTS.interrupts,
    };
    const ours = [...constants].filter(([name, value]) => name in known || value >= FLASH);
    expect(Object.fromEntries(ours)).toEqual(known);
    const controller = constantsIn('rp2040/usb-controller.c');
    const addresses = [...controller].filter(([, value]) => value >= 0x5000_0000 && value < 0x6000_0000);
    expect(Object.fromEntries(addresses)).toEqual(
      Object.fromEntries(Object.entries(FACTS.usb).map(([name, [, address]]) => [name, Number(address)])),
    );
  });
});
