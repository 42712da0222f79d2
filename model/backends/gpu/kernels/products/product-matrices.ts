/**
 * WGSL: ternary products for many rows at once on matrix units (int8 × int8 → int32, 16 × 16 × 32).
 *
 * Weights become int8 in workgroup memory. Results leave the matrix units through workgroup memory too, 16 × 16 at a
 * time, because which lane holds which element is up to the hardware. What a turn multiplies is loaded while turns
 * before it are at work.
 *
 * This is an experiment of Chromium (`chromium-experimental-subgroup-matrix`), used only where `matricesWork`
 * (probes.ts) found products right.
 */
import { MATRIX_SUBGROUP } from '../../device/probes.js';
import { ARITHMETIC } from '../arithmetic.js';
import { CONSTANTS, matrices } from '../layer-bindings.js';
import type { Epilogue } from './product-epilogues.js';
import type { ProductRowsText } from './product-rows.js';
import { quantisedRows, SIZE } from '../row-bindings.js';

/** What a workgroup computes, and how many invocations it has. */
export interface MatrixTile {
  readonly tokens: number;
  readonly rows: number;
  readonly size: number;
}

/** For many tokens. */
export const MATRIX_MANY: MatrixTile = { tokens: 64, rows: 128, size: 256 };

/**
 * Tiles consist of vectors of 16 int8, the width that drivers load best. From one row to the next: 64 columns, and one
 * vector more, which spreads rows over the banks.
 */
const STRIDE = 5;

const LEFT = 'subgroup_matrix_left<i8, 32, 16>, row_major';
const RIGHT = 'subgroup_matrix_right<i8, 16, 32>, col_major';
const RESULT = 'subgroup_matrix_result<i32, 16, 16>';

/**
 * Rows from which on tiles of 32 rows keep enough of the GPU busy, and those from which on half as many subgroups for
 * each do.
 */
const TALL_ROWS = 2304;
const VERY_TALL_ROWS = 4096;

/**
 * For few tokens: the larger a tile, the less often tokens and rows are loaded, as long as there are enough tiles.
 * Measured on an H100, for matrices of 1,024 to 32,000 rows and up to 16 and 32 tokens: these are within 8 % of the
 * best.
 *
 * @param matrixRows of all matrices that are multiplied at once
 */
export function fewTile(
  { maxComputeWorkgroupStorageSize }: Pick<GPUSupportedLimits, 'maxComputeWorkgroupStorageSize'>,
  tokens: number,
  matrixRows: number,
): MatrixTile {
  if (matrixRows < TALL_ROWS) return { tokens: 16, rows: 16, size: 256 };
  const tile = { tokens: tokens > 16 ? 32 : 16, rows: 32 };
  const bytes = (256 / MATRIX_SUBGROUP) * 16 * fewTileVectors(tile) + BESIDE_TILES;
  return { ...tile, size: matrixRows < VERY_TALL_ROWS && bytes <= maxComputeWorkgroupStorageSize ? 256 : 128 };
}

/** Bytes of workgroup memory beside the tiles: scales, and the table of the sigmoid. */
const BESIDE_TILES = 32 * 8 + 257 * 4;

/** Turns whose tokens and rows are on their way while another is multiplied. */
const AHEAD = 2;

function frame({ scale, capacity, sumsAt, epilogue }: ProductRowsText): string {
  return /* wgsl */ `
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
${ARITHMETIC}
${SIZE}
${matrices('u32')}
${quantisedRows('vec4<i32>')}
${epilogue.declarations}
${CONSTANTS}
${scale}
fn tokenScale(token: u32, product: u32) -> vec2<i32> {
  let sums = vec4<u32>(quantised[${sumsAt / 4}u + product * ${capacity}u + min(token, ${capacity - 1}u)]);
  return outputScale(sums.x, sums.yz, productScale(product));
}
// Sixteen codes to sixteen int8: 0, 1, 2 to -1, 0, +1, without a borrow between the bytes.
fn signed16(codes: u32) -> vec4<i32> {
  let four = vec4(codes, codes >> 2u, codes >> 4u, codes >> 6u) & vec4(0x03030303u);
  return bitcast<vec4<i32>>(((four | vec4(0x80808080u)) - vec4(0x01010101u)) ^ vec4(0x80808080u));
}
`;
}

/** WGSL statements for element `e` of a tile: its epilogue. `sum(index)` is the WGSL of an output of the tile. */
function finishElement(
  { rows, epilogue }: ProductRowsText,
  place: { readonly token: string; readonly row: string },
  sum: (index: string) => string,
): string {
  return epilogue.pairs
    ? /* wgsl */ `
    let token = ${place.token} + e / 8u;
    let outputRow = ${place.row} + 2u * (e % 8u);
    if (token < size.tokens && outputRow < ${rows}u) {
      let scale = tileScales[token - firstToken];
      finishPair(token, outputRow / 2u, scaledOutput(${sum('2u * e')}, scale), scaledOutput(${sum('2u * e + 1u')}, scale));
    }`
    : /* wgsl */ `
    let token = ${place.token} + e / 16u;
    let outputRow = ${place.row} + e % 16u;
    if (token < size.tokens && outputRow < ${rows}u) {
      finish(token, outputRow, product, scaledOutput(${sum('e')}, tileScales[token - firstToken]));
    }`;
}

function elements({ pairs }: Epilogue, count: number): number {
  return pairs ? count / 2 : count;
}

/**
 * 16 or 32 tokens at a time × 16 or 32 rows of the matrix. Each subgroup takes every so many-th chunk of 64 columns;
 * their sums are added at the end. Smaller tiles and more subgroups keep more of the GPU busy where there are few rows;
 * larger ones load tokens and rows less often.
 *
 * The turns are unrolled: in a loop, addresses and conditions cost more than the products.
 */
export function productFew(text: ProductRowsText, { tokens, rows: tileRows, size }: MatrixTile): string {
  const { row, rows, matrixAt, capacity, epilogue } = text;
  const subgroups = size / MATRIX_SUBGROUP;
  const count = (n: number): readonly number[] => Array.from({ length: n }, (_, k) => k);
  const turns = count(Math.ceil(row.chunks / subgroups));
  // Eight tokens or rows at a time, four loads each.
  const tokenLoads = count(tokens / 8);
  const rowLoads = count(tileRows / 8);
  const tokenTiles = count(tokens / 16);
  const rowTiles = count(tileRows / 16);
  const tiles = tokenTiles.flatMap((t) => rowTiles.map((r) => ({ t, r })));
  const rowsAt = tokens * STRIDE;
  const tileVectors = fewTileVectors({ tokens, rows: tileRows });
  const each = <T>(items: readonly T[], line: (item: T, index: number) => string): string =>
    items.map(line).join('\n    ');
  const load = (turn: number): string => {
    const last = row.chunks - 1;
    const chunk =
      (turn + 1) * subgroups <= row.chunks
        ? `${turn * subgroups}u + subgroup`
        : `min(${turn * subgroups}u + subgroup, ${last}u)`;
    return /* wgsl */ `
    let from${turn} = 4u * (${chunk}) + lane % 4u;
    ${each(rowLoads, (k) => `let row${turn}_${k} = weights[firstWeight${k} + from${turn}];`)}
    ${each(tokenLoads, (k) => `let token${turn}_${k} = quantised[firstVector + ${8 * k * (row.words / 4)}u + from${turn}];`)}`;
  };
  const multiply = (half: number): string => /* wgsl */ `
      ${each(tokenTiles, (t) => `let t${t}_${half} = subgroupMatrixLoad<${LEFT}>(&tiles, tile + ${16 * t * STRIDE + 2 * half}u, ${STRIDE}u);`)}
      ${each(rowTiles, (r) => `let r${r}_${half} = subgroupMatrixLoad<${RIGHT}>(&tiles, tile + ${rowsAt + 16 * r * STRIDE + 2 * half}u, ${STRIDE}u);`)}
      ${each(tiles, ({ t, r }) => `s${t}${r} = subgroupMatrixMultiplyAccumulate(t${t}_${half}, r${r}_${half}, s${t}${r});`)}`;
  /** Outputs lie in blocks of 16 tokens × 16 rows. */
  const finish = tiles
    .map(
      ({ t, r }, k) => `
  for (var e = local; e < ${elements(epilogue, 256)}u; e += ${size}u) {
    ${finishElement(
      text,
      { token: `(firstToken + ${16 * t}u)`, row: `(tileRow + ${16 * r}u)` },
      (index) => `sumOf(${256 * k}u + ${index})`,
    )}
  }`,
    )
    .join('');
  return /* wgsl */ `${frame(text)}
var<workgroup> tileScales: array<vec2<i32>, ${tokens}>;
// For each subgroup: its tokens and its rows; in the end, its sums.
var<workgroup> tiles: array<vec4<i32>, ${subgroups * tileVectors}>;

@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  ${epilogue.begin ?? ''}
  let firstToken = group.y * ${tokens}u;
  let product = group.z;
  let tileRow = group.x * ${tileRows}u;
  let subgroup = local / 32u;
  let lane = local % 32u;
  let tile = subgroup * ${tileVectors}u;
  let place = tile + (lane / 4u) * ${STRIDE}u + lane % 4u;
  ${each(tiles, ({ t, r }) => `var s${t}${r} = ${RESULT}();`)}
  ${each(rowLoads, (k) => `let firstWeight${k} = ${matrixAt / 4}u + (product * ${rows}u + min(tileRow + ${8 * k}u + lane / 4u, ${rows - 1}u)) * ${4 * row.chunks}u;`)}
  let firstVector = (product * ${capacity}u + firstToken + lane / 4u) * ${row.words / 4}u;
  ${turns.slice(0, AHEAD).map(load).join('')}
  if (local < ${tokens}u) { tileScales[local] = tokenScale(firstToken + local, product); }
  ${turns
    .map(
      (turn) => /* wgsl */ `
    ${each(tokenLoads, (k) => `tiles[place + ${8 * k * STRIDE}u] = token${turn}_${k};`)}
    ${each(rowLoads, (k) => `tiles[place + ${rowsAt + 8 * k * STRIDE}u] = signed16(row${turn}_${k});`)}
    workgroupBarrier();
    ${turn + AHEAD < turns.length ? load(turn + AHEAD) : ''}
    ${(turn + 1) * subgroups <= row.chunks ? '{' : `if (${turn * subgroups}u + subgroup < ${row.chunks}u) {`}
      ${multiply(0)}
      ${multiply(1)}
    }
    workgroupBarrier();`,
    )
    .join('\n  ')}
  ${each(tiles, ({ t, r }, k) => `subgroupMatrixStore<row_major>(&tiles, tile + ${64 * k}u, s${t}${r}, 4u);`)}
  workgroupBarrier();
  ${finish}
  ${epilogue.end ?? ''}
}

fn sumOf(index: u32) -> i32 {
  return ${each(count(subgroups), (s) => `tiles[${s * tileVectors}u + index / 4u][index % 4u]`).replaceAll('\n', ' +\n')};
}
`;
}

/** Vectors of workgroup memory that a subgroup needs: for tokens and rows, and later, in their place, for sums. */
function fewTileVectors({ tokens, rows }: Pick<MatrixTile, 'tokens' | 'rows'>): number {
  return Math.max((tokens + rows) * STRIDE, (tokens * rows) / 4);
}

/** 64 tokens × 128 rows of the matrix, 64 columns a turn; each of eight subgroups computes 32 × 32. */
export function productMany(text: ProductRowsText): string {
  const { row, rows, matrixAt, capacity, epilogue } = text;
  const { tokens, rows: tileRows, size } = MATRIX_MANY;
  const tokenLoads = (tokens * 4) / size;
  const rowLoads = (tileRows * 4) / size;
  const each = (count: number, line: (k: number) => string): string =>
    Array.from({ length: count }, (_, k) => line(k)).join('\n    ');
  const tokenLoad = (k: number, chunk: string): string =>
    `quantised[(product * ${capacity}u + min(firstToken + ${64 * k}u + local / 4u, ${capacity - 1}u)) * ${row.words / 4}u + 4u * (${chunk}) + local % 4u]`;
  const rowLoad = (k: number, chunk: string): string =>
    `weights[${matrixAt / 4}u + (product * ${rows}u + min(tileRow + ${64 * k}u + local / 4u, ${rows - 1}u)) * ${4 * row.chunks}u + 4u * (${chunk}) + local % 4u]`;
  const quarters = [0, 1].flatMap((t) => [0, 1].map((r) => ({ t, r })));
  return /* wgsl */ `${frame(text)}
var<workgroup> tileScales: array<vec2<i32>, ${tokens}>;
var<workgroup> tokenTile: array<vec4<i32>, ${tokens * STRIDE}>;
var<workgroup> rowTile: array<vec4<i32>, ${tileRows * STRIDE}>;
var<workgroup> outputs: array<vec4<i32>, ${8 * 64}>;

@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  ${epilogue.begin ?? ''}
  let firstToken = group.y * ${tokens}u;
  let product = group.z;
  let tileRow = group.x * ${tileRows}u;
  let subgroup = local / 32u;
  let subToken = (subgroup % 2u) * 32u;
  let subRow = (subgroup / 2u) * 32u;
  ${quarters.map(({ t, r }) => `var s${t}${r} = ${RESULT}();`).join('\n  ')}
  ${each(tokenLoads, (k) => `var token${k} = ${tokenLoad(k, '0u')};`)}
  ${each(rowLoads, (k) => `var row${k} = ${rowLoad(k, '0u')};`)}
  if (local < ${tokens}u) { tileScales[local] = tokenScale(firstToken + local, product); }
  for (var chunk = 0u; chunk < ${row.chunks}u; chunk++) {
    ${each(tokenLoads, (k) => `tokenTile[(${64 * k}u + local / 4u) * ${STRIDE}u + local % 4u] = token${k};`)}
    ${each(rowLoads, (k) => `rowTile[(${64 * k}u + local / 4u) * ${STRIDE}u + local % 4u] = signed16(row${k});`)}
    workgroupBarrier();
    let following = min(chunk + 1u, ${row.chunks - 1}u);
    ${each(tokenLoads, (k) => `token${k} = ${tokenLoad(k, 'following')};`)}
    ${each(rowLoads, (k) => `row${k} = ${rowLoad(k, 'following')};`)}
    for (var half = 0u; half < 2u; half++) {
      let t0 = subgroupMatrixLoad<${LEFT}>(&tokenTile, subToken * ${STRIDE}u + 2u * half, ${STRIDE}u);
      let t1 = subgroupMatrixLoad<${LEFT}>(&tokenTile, (subToken + 16u) * ${STRIDE}u + 2u * half, ${STRIDE}u);
      let r0 = subgroupMatrixLoad<${RIGHT}>(&rowTile, subRow * ${STRIDE}u + 2u * half, ${STRIDE}u);
      let r1 = subgroupMatrixLoad<${RIGHT}>(&rowTile, (subRow + 16u) * ${STRIDE}u + 2u * half, ${STRIDE}u);
      ${quarters.map(({ t, r }) => `s${t}${r} = subgroupMatrixMultiplyAccumulate(t${t}, r${r}, s${t}${r});`).join('\n      ')}
    }
    workgroupBarrier();
  }
  ${quarters
    .map(
      ({ t, r }) => `
  subgroupMatrixStore<row_major>(&outputs, subgroup * 64u, s${t}${r}, 4u);
  workgroupBarrier();
  for (var e = local % 32u; e < ${elements(epilogue, 256)}u; e += 32u) {
    ${finishElement(
      text,
      { token: `(firstToken + subToken + ${16 * t}u)`, row: `(tileRow + subRow + ${16 * r}u)` },
      (index) => `output(subgroup, ${index})`,
    )}
  }
  workgroupBarrier();`,
    )
    .join('')}
  ${epilogue.end ?? ''}
}

fn output(subgroup: u32, index: u32) -> i32 { return outputs[subgroup * 64u + index / 4u][index % 4u]; }
`;
}
