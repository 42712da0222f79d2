/**
 * WGSL: a ternary product for many rows at once, in tiles, with `dot4I8Packed`. Runs on every adapter.
 *
 * A workgroup of 16 × 16 invocations computes 16·t tokens × 16·r rows of the matrix, 64 columns a turn: both tiles go
 * to workgroup memory, the weights already as int8.
 */
import { ARITHMETIC, type RowSize } from '../arithmetic.js';
import { CONSTANTS, matrices } from '../layer-bindings.js';
import type { Epilogue } from './product-epilogues.js';
import { quantisedRows, SIZE } from '../row-bindings.js';

/** A tile in units of 16. */
export interface Tile {
  /** Tokens of one invocation. */
  readonly tokens: number;
  /** Matrix rows of one invocation: even. */
  readonly rows: number;
}

/** Tiles for a few rows and for many. */
export const FEW: Tile = { tokens: 1, rows: 4 };
export const MANY: Tile = { tokens: 4, rows: 4 };

/** Invocations of a workgroup. */
export const TILE_SIZE = 256;

export interface ProductRowsText {
  /** Columns of the matrix. */
  readonly row: RowSize;
  /** Rows of the matrix, and of each of several that lie one behind the other. */
  readonly rows: number;
  /** Byte of the layer's matrices at which it begins: a multiple of 4. */
  readonly matrixAt: number;
  /** WGSL of `productScale(product)`. */
  readonly scale: string;
  /** Rows that the buffers of activations hold for each product, and the word at which their sums begin. */
  readonly capacity: number;
  readonly sumsAt: number;
  readonly epilogue: Epilogue;
}

export function productRows(
  { row, rows, matrixAt, scale, capacity, sumsAt, epilogue }: ProductRowsText,
  tile: Tile,
): string {
  const tokens = 16 * tile.tokens;
  const tileRows = 16 * tile.rows;
  const indices = (count: number): number[] => Array.from({ length: count }, (_, k) => k);
  // One word more than needed in each row keeps invocations in different banks.
  const stride = 17;
  const finish = indices(tile.tokens)
    .map((t) =>
      epilogue.pairs
        ? indices(tile.rows / 2)
            .map(
              (r) =>
                `finishTwo(firstToken, ty + ${16 * t}u, firstRow + ${2 * r}u, sums[${t * tile.rows + 2 * r}], sums[${t * tile.rows + 2 * r + 1}]);`,
            )
            .join('\n  ')
        : indices(tile.rows)
            .map(
              (r) => `finishOne(firstToken, ty + ${16 * t}u, firstRow + ${r}u, product, sums[${t * tile.rows + r}]);`,
            )
            .join('\n  '),
    )
    .join('\n  ');
  return /* wgsl */ `
${ARITHMETIC}
${SIZE}
${matrices('u32')}
${quantisedRows('u32')}
${CONSTANTS}
${scale}
fn tokenScale(token: u32, product: u32) -> vec2<i32> {
  let at = ${sumsAt}u + 4u * (product * ${capacity}u + min(token, ${capacity - 1}u));
  return outputScale(quantised[at], vec2(quantised[at + 1u], quantised[at + 2u]), productScale(product));
}
${epilogue.declarations}
var<workgroup> tileScales: array<vec2<i32>, ${tokens}>;
var<workgroup> tokenTile: array<u32, ${tokens * stride}>;
var<workgroup> rowTile: array<u32, ${tileRows * stride}>;

${
  epilogue.pairs
    ? /* wgsl */ `
fn finishTwo(firstToken: u32, tileToken: u32, even: u32, evenSum: i32, oddSum: i32) {
  let token = firstToken + tileToken;
  if (token < size.tokens && even < ${rows}u) {
    let scale = tileScales[tileToken];
    finishPair(token, even / 2u, scaledOutput(evenSum, scale), scaledOutput(oddSum, scale));
  }
}`
    : /* wgsl */ `
fn finishOne(firstToken: u32, tileToken: u32, outputRow: u32, product: u32, sum: i32) {
  let token = firstToken + tileToken;
  if (token < size.tokens && outputRow < ${rows}u) {
    finish(token, outputRow, product, scaledOutput(sum, tileScales[tileToken]));
  }
}`
}

// Four codes to four int8: 0, 1, 2 to -1, 0, +1, without a borrow between the bytes.
fn signed4(codes: u32) -> u32 { return (((codes & 0x03030303u) | 0x80808080u) - 0x01010101u) ^ 0x80808080u; }

@compute @workgroup_size(${TILE_SIZE})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  ${epilogue.begin ?? ''}
  let firstToken = group.y * ${tokens}u;
  let product = group.z;
  if (local < ${tokens}u) { tileScales[local] = tokenScale(firstToken + local, product); }
  let tx = local % 16u;
  let ty = local / 16u;
  let tileRow = group.x * ${tileRows}u;
  let firstRow = tileRow + tx * ${tile.rows}u;
  var sums: array<i32, ${tile.tokens * tile.rows}>;
  for (var chunk = 0u; chunk < ${row.chunks}u; chunk++) {
    for (var k = local; k < ${tokens * 16}u; k += ${TILE_SIZE}u) {
      let token = min(firstToken + k / 16u, ${capacity - 1}u);
      tokenTile[(k / 16u) * ${stride}u + k % 16u] = quantised[(product * ${capacity}u + token) * ${row.words}u + chunk * 16u + k % 16u];
    }
    for (var k = local; k < ${tileRows * 4}u; k += ${TILE_SIZE}u) {
      let matrixRow = min(tileRow + k / 4u, ${rows - 1}u);
      let codes = weights[${matrixAt / 4}u + (product * ${rows}u + matrixRow) * ${4 * row.chunks}u + chunk * 4u + k % 4u];
      let at = (k / 4u) * ${stride}u + 4u * (k % 4u);
      rowTile[at] = signed4(codes);
      rowTile[at + 1u] = signed4(codes >> 2u);
      rowTile[at + 2u] = signed4(codes >> 4u);
      rowTile[at + 3u] = signed4(codes >> 6u);
    }
    workgroupBarrier();
    for (var word = 0u; word < 16u; word++) {
      ${indices(tile.tokens)
        .map((t) => `let q${t} = tokenTile[(ty + ${16 * t}u) * ${stride}u + word];`)
        .join('\n      ')}
      ${indices(tile.rows)
        .map((r) => `let w${r} = rowTile[(tx * ${tile.rows}u + ${r}u) * ${stride}u + word];`)
        .join('\n      ')}
      ${indices(tile.tokens)
        .map((t) =>
          indices(tile.rows)
            .map((r) => `sums[${t * tile.rows + r}] += dot4I8Packed(w${r}, q${t});`)
            .join(' '),
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  ${finish}
  ${epilogue.end ?? ''}
}
`;
}
