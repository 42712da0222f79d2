/**
 * WGSL: ternary products for many rows at once on matrix units (int8 × int8 → int32, 16 × 16 × 32).
 *
 * Weights become int8 in workgroup memory. Results leave the matrix units through workgroup memory too, 16 × 16 at a time, because which lane
 * holds which element is up to the hardware. What a turn multiplies is loaded while the turn before it is at work.
 *
 * This is an experiment of Chromium (`chromium-experimental-subgroup-matrix`), used only where `matricesWork` (probes.ts) found products right.
 */
import { ARITHMETIC } from './arithmetic.js';
import type { Epilogue } from './product-epilogues.js';
import type { ProductRowsText } from './product-rows.js';

/** Lanes of a subgroup that the kernels are written for. */
export const MATRIX_SUBGROUP = 32;
export const MATRIX_SIZE = 256;

/** Tiles of the two kernels: for up to 32 tokens, with the columns shared out to the subgroups; and for many tokens. */
export const MATRIX_FEW = { tokens: 32, rows: 16 } as const;
export const MATRIX_MANY = { tokens: 64, rows: 128 } as const;

/** int32 from one row of a tile to the next: 64 columns, and four words more, which spreads rows over the banks. */
const STRIDE = 20;

const LEFT = 'subgroup_matrix_left<i8, 32, 16>, row_major';
const RIGHT = 'subgroup_matrix_right<i8, 16, 32>, col_major';
const RESULT = 'subgroup_matrix_result<i32, 16, 16>';

function frame({ epilogue }: ProductRowsText): string {
  return /* wgsl */ `
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
${ARITHMETIC}
struct Size { tokens: u32, pad0: u32, pad1: u32, pad2: u32 }
@group(0) @binding(0) var<uniform> size: Size;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> quantised: array<i32>;
@group(0) @binding(3) var<storage, read> scales: array<vec2<i32>>;
${epilogue.declarations}
// Four codes to four int8: 0, 1, 2 to -1, 0, +1, without a borrow between the bytes.
fn signed4(codes: u32) -> i32 { return bitcast<i32>((((codes & 0x03030303u) | 0x80808080u) - 0x01010101u) ^ 0x80808080u); }
`;
}

/** WGSL statements that put 16 columns of a row, `codes`, into `tile` at `at`. */
function unpackTo(tile: string): string {
  return /* wgsl */ `
      ${tile}[at] = signed4(codes);
      ${tile}[at + 1u] = signed4(codes >> 2u);
      ${tile}[at + 2u] = signed4(codes >> 4u);
      ${tile}[at + 3u] = signed4(codes >> 6u);`;
}

/** WGSL statements for element `e` of a tile: its epilogue. `sum(index)` is the WGSL of an output of the tile. */
function finishElement(
  { rows, capacity, epilogue }: ProductRowsText,
  place: { readonly token: string; readonly row: string },
  sum: (index: string) => string,
): string {
  return epilogue.pairs
    ? /* wgsl */ `
    let token = ${place.token} + e / 8u;
    let outputRow = ${place.row} + 2u * (e % 8u);
    if (token < size.tokens && outputRow < ${rows}u) {
      let scale = scales[token];
      finishPair(token, outputRow / 2u, scaledOutput(${sum('2u * e')}, scale), scaledOutput(${sum('2u * e + 1u')}, scale));
    }`
    : /* wgsl */ `
    let token = ${place.token} + e / 16u;
    let outputRow = ${place.row} + e % 16u;
    if (token < size.tokens && outputRow < ${rows}u) {
      finish(token, outputRow, product, scaledOutput(${sum('e')}, scales[product * ${capacity}u + token]));
    }`;
}

function elements({ pairs }: Epilogue, count: number): number {
  return pairs ? count / 2 : count;
}

/**
 * Up to 32 tokens at a time × 16 rows of the matrix. Each of eight subgroups takes every eighth chunk of 64 columns; their sums are added at the end.
 * Tokens come straight from memory: no two subgroups need the same.
 */
export function productFew(text: ProductRowsText): string {
  const { row, rows, capacity, epilogue } = text;
  const { tokens, rows: tileRows } = MATRIX_FEW;
  const turns = Math.ceil(row.chunks / 8);
  const load = (chunk: string, word: number): string =>
    `weights[(product * ${rows}u + min(tileRow + ${8 * word}u + lane / 4u, ${rows - 1}u)) * ${4 * row.chunks}u + 4u * min(${chunk}, ${row.chunks - 1}u) + lane % 4u]`;
  return /* wgsl */ `${frame(text)}
var<workgroup> rowTiles: array<i32, ${8 * tileRows * STRIDE}>;
var<workgroup> outputs: array<i32, ${8 * tokens * tileRows}>;

@compute @workgroup_size(${MATRIX_SIZE})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  ${epilogue.begin ?? ''}
  let firstToken = group.y * ${tokens}u;
  let product = group.z;
  let tileRow = group.x * ${tileRows}u;
  let subgroup = local / 32u;
  let lane = local % 32u;
  let tile = subgroup * ${tileRows * STRIDE}u;
  let activations = (product * ${capacity}u + firstToken) * ${row.words}u;
  var s0 = ${RESULT}();
  var s1 = ${RESULT}();
  var next0 = ${load('subgroup', 0)};
  var next1 = ${load('subgroup', 1)};
  for (var turn = 0u; turn < ${turns}u; turn++) {
    let chunk = 8u * turn + subgroup;
    {
      let codes = next0;
      let at = tile + (lane / 4u) * ${STRIDE}u + 4u * (lane % 4u);
      ${unpackTo('rowTiles')}
    }
    {
      let codes = next1;
      let at = tile + (8u + lane / 4u) * ${STRIDE}u + 4u * (lane % 4u);
      ${unpackTo('rowTiles')}
    }
    next0 = ${load('chunk + 8u', 0)};
    next1 = ${load('chunk + 8u', 1)};
    workgroupBarrier();
    if (chunk < ${row.chunks}u) {
      for (var half = 0u; half < 2u; half++) {
        let column = 16u * chunk + 8u * half;
        let t0 = subgroupMatrixLoad<${LEFT}>(&quantised, activations + column, ${row.words}u);
        let t1 = subgroupMatrixLoad<${LEFT}>(&quantised, activations + ${16 * row.words}u + column, ${row.words}u);
        let r = subgroupMatrixLoad<${RIGHT}>(&rowTiles, tile + 8u * half, ${STRIDE}u);
        s0 = subgroupMatrixMultiplyAccumulate(t0, r, s0);
        s1 = subgroupMatrixMultiplyAccumulate(t1, r, s1);
      }
    }
    workgroupBarrier();
  }
  subgroupMatrixStore<row_major>(&outputs, subgroup * 512u, s0, 16u);
  subgroupMatrixStore<row_major>(&outputs, subgroup * 512u + 256u, s1, 16u);
  workgroupBarrier();
  for (var e = local; e < ${elements(epilogue, tokens * tileRows)}u; e += ${MATRIX_SIZE}u) {
    ${finishElement(text, { token: 'firstToken', row: 'tileRow' }, (index) => `sumOf(${index})`)}
  }
  ${epilogue.end ?? ''}
}

fn sumOf(index: u32) -> i32 {
  return ${Array.from({ length: 8 }, (_, s) => `outputs[${512 * s}u + index]`).join(' + ')};
}
`;
}

/** 64 tokens × 128 rows of the matrix, 64 columns a turn; each of eight subgroups computes 32 × 32. */
export function productMany(text: ProductRowsText): string {
  const { row, rows, capacity, epilogue } = text;
  const { tokens, rows: tileRows } = MATRIX_MANY;
  const tokenWords = (tokens * 16) / MATRIX_SIZE;
  const rowWords = (tileRows * 4) / MATRIX_SIZE;
  const each = (count: number, line: (k: number) => string): string =>
    Array.from({ length: count }, (_, k) => line(k)).join('\n    ');
  const tokenLoad = (k: number, chunk: string): string =>
    `quantised[(product * ${capacity}u + min(firstToken + ${16 * k}u + local / 16u, ${capacity - 1}u)) * ${row.words}u + 16u * (${chunk}) + local % 16u]`;
  const rowLoad = (k: number, chunk: string): string =>
    `weights[(product * ${rows}u + min(tileRow + ${64 * k}u + local / 4u, ${rows - 1}u)) * ${4 * row.chunks}u + 4u * (${chunk}) + local % 4u]`;
  const quarters = [0, 1].flatMap((t) => [0, 1].map((r) => ({ t, r })));
  return /* wgsl */ `${frame(text)}
var<workgroup> tokenTile: array<i32, ${tokens * STRIDE}>;
var<workgroup> rowTile: array<i32, ${tileRows * STRIDE}>;
var<workgroup> outputs: array<i32, ${8 * 256}>;

@compute @workgroup_size(${MATRIX_SIZE})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  ${epilogue.begin ?? ''}
  let firstToken = group.y * ${tokens}u;
  let product = group.z;
  let tileRow = group.x * ${tileRows}u;
  let subgroup = local / 32u;
  let subToken = (subgroup % 2u) * 32u;
  let subRow = (subgroup / 2u) * 32u;
  ${quarters.map(({ t, r }) => `var s${t}${r} = ${RESULT}();`).join('\n  ')}
  ${each(tokenWords, (k) => `var token${k} = ${tokenLoad(k, '0u')};`)}
  ${each(rowWords, (k) => `var row${k} = ${rowLoad(k, '0u')};`)}
  for (var chunk = 0u; chunk < ${row.chunks}u; chunk++) {
    ${each(tokenWords, (k) => `tokenTile[(${16 * k}u + local / 16u) * ${STRIDE}u + local % 16u] = token${k};`)}
    ${each(
      rowWords,
      (k) => `{
      let codes = row${k};
      let at = (${64 * k}u + local / 4u) * ${STRIDE}u + 4u * (local % 4u);
      ${unpackTo('rowTile')}
    }`,
    )}
    workgroupBarrier();
    let following = min(chunk + 1u, ${row.chunks - 1}u);
    ${each(tokenWords, (k) => `token${k} = ${tokenLoad(k, 'following')};`)}
    ${each(rowWords, (k) => `row${k} = ${rowLoad(k, 'following')};`)}
    for (var half = 0u; half < 2u; half++) {
      let t0 = subgroupMatrixLoad<${LEFT}>(&tokenTile, subToken * ${STRIDE}u + 8u * half, ${STRIDE}u);
      let t1 = subgroupMatrixLoad<${LEFT}>(&tokenTile, (subToken + 16u) * ${STRIDE}u + 8u * half, ${STRIDE}u);
      let r0 = subgroupMatrixLoad<${RIGHT}>(&rowTile, subRow * ${STRIDE}u + 8u * half, ${STRIDE}u);
      let r1 = subgroupMatrixLoad<${RIGHT}>(&rowTile, (subRow + 16u) * ${STRIDE}u + 8u * half, ${STRIDE}u);
      ${quarters.map(({ t, r }) => `s${t}${r} = subgroupMatrixMultiplyAccumulate(t${t}, r${r}, s${t}${r});`).join('\n      ')}
    }
    workgroupBarrier();
  }
  ${quarters
    .map(
      ({ t, r }) => `
  subgroupMatrixStore<row_major>(&outputs, subgroup * 256u, s${t}${r}, 16u);
  workgroupBarrier();
  for (var e = local % 32u; e < ${elements(epilogue, 256)}u; e += 32u) {
    ${finishElement(
      text,
      { token: `(firstToken + subToken + ${16 * t}u)`, row: `(tileRow + subRow + ${16 * r}u)` },
      (index) => `outputs[subgroup * 256u + ${index}]`,
    )}
  }
  workgroupBarrier();`,
    )
    .join('')}
  ${epilogue.end ?? ''}
}
`;
}
