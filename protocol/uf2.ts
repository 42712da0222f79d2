/**
 * UF2, the files that a microcontroller takes on its drive: blocks of 512 bytes, each with 256 bytes for one address
 * and the family of the chips that it is for; others ignore it. github.com/microsoft/uf2
 */

/** Chips that take such files from us. */
export const UF2_FAMILY = { rp2040: 0xe48bff56, rp2350: 0xe48bff59 } as const;

/** Bytes that lie together. */
export interface Uf2Piece {
  /** Of the first one, a multiple of 256. */
  readonly address: number;
  readonly bytes: Uint8Array;
}

const MAGIC = [0x0a324655, 0x9e5d5157] as const;
const END = 0x0ab16f30;
const END_AT = 508;
const BLOCK_BYTES = 512;
const HEAD_BYTES = 32;
const PAYLOAD_BYTES = 256;
/** Most bytes of payload that a block has room for. */
const MOST_PAYLOAD = END_AT - HEAD_BYTES;
const FLAG = { notForFlash: 0x0001, hasFamily: 0x2000 } as const;

/** Blocks for one family. */
export function encodeUf2(family: number, pieces: readonly Uf2Piece[]): Uint8Array {
  const pages = pieces.flatMap(({ address, bytes }) => {
    const count = Math.ceil(bytes.length / PAYLOAD_BYTES);
    return Array.from({ length: count }, (_, page) => {
      const from = page * PAYLOAD_BYTES;
      return { address: address + from, bytes: bytes.subarray(from, from + PAYLOAD_BYTES) };
    });
  });
  const file = new Uint8Array(pages.length * BLOCK_BYTES);
  for (const [index, { address, bytes }] of pages.entries()) {
    const block = new DataView(file.buffer, index * BLOCK_BYTES, BLOCK_BYTES);
    const words = [...MAGIC, FLAG.hasFamily, address, PAYLOAD_BYTES, index, pages.length, family];
    words.forEach((word, place) => block.setUint32(4 * place, word, true));
    file.set(bytes, index * BLOCK_BYTES + HEAD_BYTES);
    block.setUint32(END_AT, END, true);
  }
  return file;
}

/**
 * One file of several, each for another family: their blocks in turn, so that all end together.
 *
 * A boot ROM starts the board anew half a second to a second after the last block for its family: were that in the
 * middle of the file, the drive would be gone while the computer still writes to it. The ROMs of RP2040 and RP2350 pass
 * over blocks of other families wherever they are (github.com/raspberrypi, pico-bootrom-rp2040 and -rp2350).
 */
export function joinUf2(files: readonly Uint8Array[]): Uint8Array {
  const blocks = files.map((file) => file.length / BLOCK_BYTES);
  const joined = new Uint8Array(files.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (let left = Math.max(...blocks); left > 0; left--) {
    for (const [index, file] of files.entries()) {
      const from = (blocks[index]! - left) * BLOCK_BYTES;
      if (from < 0) continue;
      joined.set(file.subarray(from, from + BLOCK_BYTES), at);
      at += BLOCK_BYTES;
    }
  }
  return joined;
}

/** What of a file a chip of this family writes into its flash, block by block; undefined if the file is no UF2. */
export function decodeUf2(file: Uint8Array, family: number): Uf2Piece[] | undefined {
  if (file.length === 0 || file.length % BLOCK_BYTES !== 0) return undefined;
  const pieces: Uf2Piece[] = [];
  for (let at = 0; at < file.length; at += BLOCK_BYTES) {
    const block = new DataView(file.buffer, file.byteOffset + at, BLOCK_BYTES);
    const word = (index: number): number => block.getUint32(4 * index, true);
    const [flags, address, length] = [word(2), word(3), word(4)];
    if (word(0) !== MAGIC[0] || word(1) !== MAGIC[1] || block.getUint32(END_AT, true) !== END) return undefined;
    if (length > MOST_PAYLOAD) return undefined;
    const isOurs = (flags & FLAG.hasFamily) !== 0 && word(7) === family && (flags & FLAG.notForFlash) === 0;
    if (isOurs) pieces.push({ address, bytes: file.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length) });
  }
  return pieces;
}
