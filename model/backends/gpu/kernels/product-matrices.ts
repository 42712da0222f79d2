/**
 * WGSL: a ternary product for many rows at once, on matrix units (int8 × int8 → int32, 16 × 16 × 32).
 *
 * A workgroup of eight subgroups computes 64 tokens × 128 rows of the matrix, 64 columns a turn. Weights become int8 in workgroup memory; results
 * leave the matrix units through workgroup memory too, 16 × 16 at a time, because which lane holds which element is up to the hardware.
 *
 * This is an experiment of Chromium (`chromium-experimental-subgroup-matrix`): it is used only where `matricesWork` found the products right.
 */
import { ARITHMETIC } from './arithmetic.js';
import type { ProductRowsText } from './product-rows.js';

export const MATRIX_TILE = { tokens: 64, rows: 128 } as const;
export const MATRIX_TILE_SIZE = 256;

export function productMatrices({ row, rows, capacity, epilogue }: ProductRowsText): string {
  const { tokens, rows: tileRows } = MATRIX_TILE;
  return /* wgsl */ `
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
${ARITHMETIC}
struct Size { tokens: u32, pad0: u32, pad1: u32, pad2: u32 }
@group(0) @binding(0) var<uniform> size: Size;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read> quantised: array<u32>;
@group(0) @binding(3) var<storage, read> scales: array<vec2<i32>>;
${epilogue.declarations}
// int8, 64 columns a row; rows are 80 bytes apart, so that eight of them lie in different banks.
var<workgroup> tokenTile: array<i32, ${tokens * 20}>;
var<workgroup> rowTile: array<i32, ${tileRows * 20}>;
var<workgroup> outputs: array<i32, ${8 * 256}>;

fn signed4(codes: u32) -> i32 { return bitcast<i32>((((codes & 0x03030303u) | 0x80808080u) - 0x01010101u) ^ 0x80808080u); }

@compute @workgroup_size(${MATRIX_TILE_SIZE})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let firstToken = group.y * ${tokens}u;
  let product = group.z;
  let tileRow = group.x * ${tileRows}u;
  let subgroup = local / 32u;
  // Each subgroup: 32 tokens × 32 rows.
  let subToken = (subgroup % 2u) * 32u;
  let subRow = (subgroup / 2u) * 32u;
  var s00 = subgroup_matrix_result<i32, 16, 16>();
  var s01 = subgroup_matrix_result<i32, 16, 16>();
  var s10 = subgroup_matrix_result<i32, 16, 16>();
  var s11 = subgroup_matrix_result<i32, 16, 16>();
  for (var chunk = 0u; chunk < ${row.chunks}u; chunk++) {
    for (var k = local; k < ${tokens * 16}u; k += ${MATRIX_TILE_SIZE}u) {
      let token = min(firstToken + k / 16u, ${capacity - 1}u);
      tokenTile[(k / 16u) * 20u + k % 16u] = bitcast<i32>(quantised[(product * ${capacity}u + token) * ${row.words}u + chunk * 16u + k % 16u]);
    }
    for (var k = local; k < ${tileRows * 4}u; k += ${MATRIX_TILE_SIZE}u) {
      let matrixRow = min(tileRow + k / 4u, ${rows - 1}u);
      let codes = weights[(product * ${rows}u + matrixRow) * ${4 * row.chunks}u + chunk * 4u + k % 4u];
      let at = (k / 4u) * 20u + 4u * (k % 4u);
      rowTile[at] = signed4(codes);
      rowTile[at + 1u] = signed4(codes >> 2u);
      rowTile[at + 2u] = signed4(codes >> 4u);
      rowTile[at + 3u] = signed4(codes >> 6u);
    }
    workgroupBarrier();
    for (var half = 0u; half < 2u; half++) {
      let t0 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&tokenTile, (subToken * 20u + half * 8u) * STRIDE_UNIT, 20u * STRIDE_UNIT);
      let t1 = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&tokenTile, ((subToken + 16u) * 20u + half * 8u) * STRIDE_UNIT, 20u * STRIDE_UNIT);
      let r0 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&rowTile, (subRow * 20u + half * 8u) * STRIDE_UNIT, 20u * STRIDE_UNIT);
      let r1 = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&rowTile, ((subRow + 16u) * 20u + half * 8u) * STRIDE_UNIT, 20u * STRIDE_UNIT);
      s00 = subgroupMatrixMultiplyAccumulate(t0, r0, s00);
      s01 = subgroupMatrixMultiplyAccumulate(t0, r1, s01);
      s10 = subgroupMatrixMultiplyAccumulate(t1, r0, s10);
      s11 = subgroupMatrixMultiplyAccumulate(t1, r1, s11);
    }
    workgroupBarrier();
  }
  ${[0, 1]
    .flatMap((t) =>
      [0, 1].map(
        (r) => `
  subgroupMatrixStore<row_major>(&outputs, subgroup * 256u, s${t}${r}, 16u);
  workgroupBarrier();
  for (var e = local % 32u; e < ${epilogue.pairs ? 128 : 256}u; e += 32u) {
    let token = firstToken + subToken + ${16 * t}u + e / ${epilogue.pairs ? 8 : 16}u;
    let outputRow = tileRow + subRow + ${16 * r}u + ${epilogue.pairs ? '2u * (e % 8u)' : 'e % 16u'};
    if (token < size.tokens && outputRow < ${rows}u) {
      ${
        epilogue.pairs
          ? `let scale = scales[token];
      let at = subgroup * 256u + 2u * e;
      finishPair(token, outputRow / 2u, scaledOutput(outputs[at], scale), scaledOutput(outputs[at + 1u], scale));`
          : `finish(token, outputRow, product, scaledOutput(outputs[subgroup * 256u + e], scales[product * ${capacity}u + token]));`
      }
    }
  }
  workgroupBarrier();`,
      ),
    )
    .join('')}
  ${epilogue.end ?? ''}
}
`.replaceAll('STRIDE_UNIT', '1u');
}
