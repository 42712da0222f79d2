/**
 * WGSL: ternary weights from the image's 1.6 bit (docs/IMAGE.md, section 4: five rows of one column in a byte) to 2
 * bit, which GPUs read faster.
 *
 * A row of N columns is ⌈N/64⌉ chunks of 16 bytes. Bits 2j and 2j + 1 of byte b of word k of a chunk hold the code (0,
 * 1, 2 for −1, 0, +1) of column 16k + 4j + b: `(word >> 2j) & 0x03030303` are the codes of four neighbouring columns,
 * as `dot4I8Packed` takes them.
 */
import { rowSize } from './arithmetic.js';

export const TRANSCODE_SIZE = 64;

/** One invocation for each word (16 columns) of a group of five rows. */
export const TRANSCODE = /* wgsl */ `
struct Piece {
  columns: u32,
  // Rows of the matrix, and the first group of five in this piece.
  rows: u32,
  firstGroup: u32,
  groups: u32,
  // Where the piece starts in the staging buffer, in bytes.
  fromByte: u32,
  // Where the matrix starts in its buffer, in words.
  toWord: u32,
  wordsPerRow: u32,
  pad: u32,
}
@group(0) @binding(0) var<uniform> piece: Piece;
@group(0) @binding(1) var<storage, read> packed: array<u32>;
@group(0) @binding(2) var<storage, read_write> weights: array<u32>;
@group(0) @binding(3) var<storage, read_write> bad: array<atomic<u32>>;

fn byteAt(at: u32) -> u32 { return (packed[at / 4u] >> (8u * (at % 4u))) & 0xffu; }

@compute @workgroup_size(${TRANSCODE_SIZE})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let word = id.x;
  if (word >= piece.wordsPerRow) { return; }
  // A dispatch has at most 65,535 workgroups in a dimension.
  for (var local = id.y; local < piece.groups; local += 32768u) {
    let first = piece.fromByte + local * piece.columns;
    var rows: array<u32, 5>;
    for (var c = 0u; c < 16u; c++) {
      let column = 16u * word + c;
      // Padding multiplies zeros.
      var digits = 121u;
      if (column < piece.columns) { digits = byteAt(first + column); }
      if (digits > 242u) { atomicStore(&bad[0], 1u); }
      let bit = 8u * (c % 4u) + 2u * (c / 4u);
      for (var d = 0u; d < 5u; d++) {
        rows[d] |= (digits % 3u) << bit;
        digits /= 3u;
      }
    }
    let row = 5u * (piece.firstGroup + local);
    for (var d = 0u; d < 5u; d++) {
      if (row + d < piece.rows) { weights[piece.toWord + (row + d) * piece.wordsPerRow + word] = rows[d]; }
    }
  }
}
`;

/** Bytes of a matrix in 2 bit. */
export function matrixBytes(rows: number, columns: number): number {
  return rows * rowSize(columns).chunks * 16;
}
