/** What a flash says about itself: JEDEC identity (9Fh) and status registers, taken apart. Data sheets differ here. */

import { hexOf } from '../../protocol/hex.js';

export interface FlashIdentity {
  /** Manufacturer, type and capacity in hexadecimal, such as `ef4018`. */
  readonly jedecId: string;
  /** Of the manufacturer, or `unknown`. */
  readonly manufacturer: string;
  /** That three address bytes reach: at most 16 MiB. */
  readonly flashBytes: number;
}

interface Maker {
  readonly name: string;
  /** Of the status register: bits that protect blocks, the lowest first. */
  readonly protection: Readonly<Record<number, string>>;
  /** 35h reads a second status register. On parts of others it switches to four wires, and must never be sent. */
  readonly hasSecondStatus: boolean;
}

const BLOCK_BITS = { 2: 'BP0', 3: 'BP1', 4: 'BP2' };

const MAKERS: ReadonlyMap<number, Maker> = new Map([
  [0xef, { name: 'Winbond', protection: { ...BLOCK_BITS, 5: 'TB', 6: 'SEC' }, hasSecondStatus: true }],
  [0xc8, { name: 'GigaDevice', protection: { ...BLOCK_BITS, 5: 'BP3', 6: 'BP4' }, hasSecondStatus: true }],
  [0x20, { name: 'Micron', protection: { ...BLOCK_BITS, 5: 'TB', 6: 'BP3' }, hasSecondStatus: false }],
  // Bit 6 is quad enable on these two.
  [0xc2, { name: 'Macronix', protection: { ...BLOCK_BITS, 5: 'BP3' }, hasSecondStatus: false }],
  [0x9d, { name: 'ISSI', protection: { ...BLOCK_BITS, 5: 'BP3' }, hasSecondStatus: false }],
  [0x01, { name: 'Infineon', protection: BLOCK_BITS, hasSecondStatus: false }],
  [0x1f, { name: 'Renesas', protection: BLOCK_BITS, hasSecondStatus: false }],
  [0xbf, { name: 'Microchip', protection: { ...BLOCK_BITS, 5: 'BP3' }, hasSecondStatus: false }],
]);

const UNKNOWN: Maker = { name: 'unknown', protection: BLOCK_BITS, hasSecondStatus: false };

/** Inverts what the others protect, so that nothing means everything. */
const COMPLEMENT = 1 << 6;

/** 64 KiB to 16 MiB, as powers of two. */
const [SMALLEST, LARGEST] = [16, 24];
/** Larger parts count on; three address bytes reach 16 MiB of them. */
const LARGEST_CODE = 0x22;

/** @param id three bytes @returns undefined if they do not tell a size */
export function identityOf(id: Uint8Array): FlashIdentity | undefined {
  const [maker = 0, type = 0, capacity = 0] = id;
  // Renesas (once Adesto, Atmel) has the size in the type: 4 is 512 KiB, 8 is 8 MiB.
  const code = maker === 0x1f ? 15 + (type & 0x1f) : capacity;
  // 512 Mbit and more of Micron and Infineon are numbered in another way.
  if (code < SMALLEST || code > LARGEST_CODE) return undefined;
  return { jedecId: hexOf(id), manufacturer: makerOf(id).name, flashBytes: 2 ** Math.min(code, LARGEST) };
}

/** Whether nobody answers: the wire stays low, or high. */
export function isNobody(id: Uint8Array): boolean {
  return id.every((byte) => byte === 0) || id.every((byte) => byte === 0xff);
}

/**
 * Whether the gateware can read from it: it asks for quad enable by 35h and 31h, as Winbond and GigaDevice have them.
 * On Macronix, ISSI and Micron 35h switches to four wires, and the part answers nobody until its power is cut.
 */
export function suitsGateware({ jedecId }: FlashIdentity): boolean {
  return hasSecondStatus(Uint8Array.of(Number.parseInt(jedecId.slice(0, 2), 16)));
}

export function hasSecondStatus(id: Uint8Array): boolean {
  return makerOf(id).hasSecondStatus;
}

/** Names of the bits that protect blocks, such as `BP0 BP2`; empty if every block can be written. */
export function protectionOf(id: Uint8Array, status: number, secondStatus: number): string {
  const { protection, hasSecondStatus: isSecondReal } = makerOf(id);
  const names = Object.entries(protection)
    .filter(([bit]) => ((status >> Number(bit)) & 1) !== 0)
    .map(([, name]) => name);
  const isInverted = isSecondReal && (secondStatus & COMPLEMENT) !== 0;
  // Where and how large the protected part is, which TB and SEC tell, means nothing while there is none.
  if (!isInverted && names.every((name) => name === 'TB' || name === 'SEC')) return '';
  return [...names, ...(isInverted ? ['CMP'] : [])].join(' ');
}

/** The status registers without these bits. The second is written where there is one: some parts clear it else. */
export function unprotected(id: Uint8Array, status: number, secondStatus: number): number[] {
  const { protection, hasSecondStatus: isSecondReal } = makerOf(id);
  const mask = Object.keys(protection).reduce((bits, bit) => bits | (1 << Number(bit)), 0);
  // Busy and write enable are no settings.
  const first = status & ~mask & 0xfc;
  return isSecondReal ? [first, secondStatus & ~COMPLEMENT] : [first];
}

function makerOf(id: Uint8Array): Maker {
  return MAKERS.get(id[0] ?? 0) ?? UNKNOWN;
}
