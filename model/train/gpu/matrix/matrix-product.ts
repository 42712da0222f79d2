/**
 * WGSL: C[i][j] = Σ_c L(i, c)·R(c, j) on matrix units: int8 × int8 → int32, or half × half → float32. Everything comes
 * in whole tiles: rows and columns of C are multiples of the tile's, c of its turns.
 *
 * Each element is summed in the order of c whatever the tile, so all tiles give the same bits. Results leave the units
 * through workgroup memory, because which lane holds which element is up to the hardware.
 *
 * This is an experiment of Chromium (`chromium-experimental-subgroup-matrix`), used only where `measureProducts` found
 * the results right.
 */
import { MATRIX_SUBGROUP } from '../../../backends/gpu/device/probes.js';

/** Rows and columns of C that a unit computes at once. */
const EDGE = 16;

export type Factor = 'i8' | 'f16';

/** `step` along c is multiplied at once; `lanes` are in a vector of 16 bytes. */
const FACTORS = {
  i8: { step: 32, lanes: 16, sum: 'i32' },
  f16: { step: 16, lanes: 8, sum: 'f32' },
} as const;

/** What a workgroup computes, and how. */
export interface MatrixTile {
  /** Subgroups, one below the other and side by side. */
  readonly subgroups: readonly [number, number];
  /** Blocks of 16 × 16 that each of them computes. */
  readonly blocks: readonly [number, number];
  /** Bytes of a row that go through workgroup memory in a turn. */
  readonly turnBytes: 32 | 64 | 128;
}

/** How a factor lies in memory. */
interface Operand {
  /** Of its binding, an array<vec4<u32>>. */
  readonly name: string;
  /** Elements from one line to the next. */
  readonly stride: number;
  /** Whether neighbouring c lie side by side; else neighbouring i or j. */
  readonly isAlongDepth: boolean;
}

export interface MatrixProduct {
  readonly factor: Factor;
  readonly left: Operand;
  readonly right: Operand;
  /** Of c; WGSL expressions, in terms of `group`. */
  readonly from: string;
  readonly to: string;
  /**
   * Bindings, and `fn finish(split: u32, i: u32, word: u32, sum: vec4<…>)` for four neighbours in a row of C; `split`
   * is `group.z`.
   */
  readonly code: string;
}

export const heightOf = ({ subgroups, blocks }: MatrixTile): number => EDGE * subgroups[0] * blocks[0];
export const widthOf = ({ subgroups, blocks }: MatrixTile): number => EDGE * subgroups[1] * blocks[1];
/** Of c, in a turn. */
export const depthOf = ({ turnBytes }: MatrixTile, factor: Factor): number => turnBytes / (factor === 'i8' ? 1 : 2);

const invocationsOf = ({ subgroups }: MatrixTile): number => MATRIX_SUBGROUP * subgroups[0] * subgroups[1];
/** Vectors of a block's strip that leaves the units: 16 rows of all its columns. */
const stripVectors = ({ blocks }: MatrixTile): number => (EDGE * EDGE * blocks[1]) / 4;

/**
 * Where a factor lies in workgroup memory: lines of vectors, and one vector more, which spreads them over the banks.
 */
function staging(
  tile: MatrixTile,
  factor: Factor,
  { isAlongDepth }: Operand,
  extent: number,
): { readonly lines: number; readonly vectors: number } {
  const { lanes } = FACTORS[factor];
  const depth = depthOf(tile, factor);
  return isAlongDepth ? { lines: extent, vectors: depth / lanes } : { lines: depth, vectors: extent / lanes };
}

const stagedVectors = ({ lines, vectors }: ReturnType<typeof staging>): number => lines * (vectors + 1);

/** Bytes of workgroup memory. */
export function workgroupBytes(tile: MatrixTile, { factor, left, right }: Omit<MatrixProduct, 'code'>): number {
  const strips = tile.subgroups[0] * tile.subgroups[1] * stripVectors(tile);
  const staged =
    stagedVectors(staging(tile, factor, left, heightOf(tile))) +
    stagedVectors(staging(tile, factor, right, widthOf(tile)));
  return 16 * (strips + staged);
}

export function matrixProductGroups(rows: number, columns: number, tile: MatrixTile): readonly [number, number] {
  return [columns / widthOf(tile), rows / heightOf(tile)];
}

export function matrixProduct(product: MatrixProduct, tile: MatrixTile): string {
  const { factor, from, to, code } = product;
  const { sum } = FACTORS[factor];
  const { blocks, subgroups } = tile;
  const all = range(blocks[0]).flatMap((a) => range(blocks[1]).map((b) => [a, b] as const));
  const each = <T>(items: readonly T[], line: (item: T) => string): string => items.map(line).join('\n    ');
  const strip = stripVectors(tile);
  return /* wgsl */ `
${factor === 'f16' ? 'enable f16;' : ''}
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
${code}
var<workgroup> strips: array<vec4<${sum}>, ${subgroups[0] * subgroups[1] * strip}>;
${stagingMemory(product, tile)}
@compute @workgroup_size(${invocationsOf(tile)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let subgroup = local / ${MATRIX_SUBGROUP}u;
  let lane = local % ${MATRIX_SUBGROUP}u;
  let firstRow = group.y * ${heightOf(tile)}u;
  let firstColumn = group.x * ${widthOf(tile)}u;
  // Of the subgroup, in the tile.
  let down = (subgroup / ${subgroups[1]}u) * ${EDGE * blocks[0]}u;
  let across = (subgroup % ${subgroups[1]}u) * ${EDGE * blocks[1]}u;
  ${each(all, ([a, b]) => `var sum${a}_${b} = subgroup_matrix_result<${sum}, ${EDGE}, ${EDGE}>();`)}
  let start = ${from};
  let end = ${to};
  ${turns(product, tile)}
  let strip = subgroup * ${strip}u;
  ${each(
    range(blocks[0]),
    (a) => /* wgsl */ `
    ${each(range(blocks[1]), (b) => `subgroupMatrixStore<row_major>(&strips, strip + ${4 * b}u, sum${a}_${b}, ${4 * blocks[1]}u);`)}
    workgroupBarrier();
    for (var e = lane; e < ${strip}u; e += ${MATRIX_SUBGROUP}u) {
      finish(group.z, firstRow + down + ${EDGE * a}u + e / ${4 * blocks[1]}u, (firstColumn + across) / 4u + e % ${4 * blocks[1]}u, strips[strip + e]);
    }
    workgroupBarrier();`,
  )}
}
`;
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, k) => k);

/** The type of a factor's block, and how it lies. */
function blockType(side: 'left' | 'right', factor: Factor, { isAlongDepth }: Operand): string {
  const { step } = FACTORS[factor];
  const [columns, rows] = side === 'left' ? [step, EDGE] : [EDGE, step];
  const layout = (side === 'left') === isAlongDepth ? 'row_major' : 'col_major';
  return `subgroup_matrix_${side}<${factor}, ${columns}, ${rows}>, ${layout}`;
}

/**
 * All blocks of a turn, step by step: first what they load, then what they multiply. `load` says where a block begins,
 * in vectors, and its stride.
 */
function turn(
  { factor, left, right }: MatrixProduct,
  tile: MatrixTile,
  load: (side: 'left' | 'right', block: number, step: number) => string,
): string {
  const steps = range(depthOf(tile, factor) / FACTORS[factor].step);
  const [rows, columns] = tile.blocks;
  const loads = steps.flatMap((s) => [
    ...range(rows).map(
      (a) => `let l${s}_${a} = subgroupMatrixLoad<${blockType('left', factor, left)}>(${load('left', a, s)});`,
    ),
    ...range(columns).map(
      (b) => `let r${s}_${b} = subgroupMatrixLoad<${blockType('right', factor, right)}>(${load('right', b, s)});`,
    ),
  ]);
  const products = steps.flatMap((s) =>
    range(rows).flatMap((a) =>
      range(columns).map(
        (b) => `sum${a}_${b} = subgroupMatrixMultiplyAccumulate(l${s}_${a}, r${s}_${b}, sum${a}_${b});`,
      ),
    ),
  );
  return [...loads, ...products].join('\n    ');
}

/** Both factors, with their places. */
function stagedFactors({ factor, left, right }: MatrixProduct, tile: MatrixTile) {
  return [
    { side: 'left', operand: left, first: 'firstRow', of: staging(tile, factor, left, heightOf(tile)) },
    { side: 'right', operand: right, first: 'firstColumn', of: staging(tile, factor, right, widthOf(tile)) },
  ] as const;
}

function stagingMemory(product: MatrixProduct, tile: MatrixTile): string {
  return stagedFactors(product, tile)
    .map(({ side, of }) => `var<workgroup> ${side}Tile: array<vec4<u32>, ${stagedVectors(of)}>;`)
    .join('\n');
}

/** While a turn is multiplied, the next one is on its way. */
function turns(product: MatrixProduct, tile: MatrixTile): string {
  const { factor } = product;
  const { lanes, step } = FACTORS[factor];
  const size = invocationsOf(tile);
  const depth = depthOf(tile, factor);
  const copies = stagedFactors(product, tile).flatMap(({ side, operand, first, of }) => {
    const { name, stride, isAlongDepth } = operand;
    return range((of.lines * of.vectors) / size).map((k) => {
      const line = `(${k * size}u + local) / ${of.vectors}u`;
      const vector = `(${k * size}u + local) % ${of.vectors}u`;
      const [major, minor] = isAlongDepth ? [first, 'next'] : ['next', first];
      return {
        register: `${side}${k}`,
        source: `${name}[(${major} + ${line}) * ${stride / lanes}u + ${minor} / ${lanes}u + ${vector}]`,
        target: `${side}Tile[(${line}) * ${of.vectors + 1}u + ${vector}]`,
      };
    });
  });
  const each = (line: (copy: (typeof copies)[number]) => string): string => copies.map(line).join('\n    ');
  const load = (side: 'left' | 'right', block: number, s: number): string => {
    const { operand, of } = stagedFactors(product, tile)[side === 'left' ? 0 : 1];
    const place = `${side === 'left' ? 'down' : 'across'} + ${EDGE * block}u`;
    const at = operand.isAlongDepth
      ? `(${place}) * ${of.vectors + 1}u + ${(s * step) / lanes}u`
      : `${s * step * (of.vectors + 1)}u + (${place}) / ${lanes}u`;
    return `&${side}Tile, ${at}, ${of.vectors + 1}u`;
  };
  return /* wgsl */ `
  var next = start;
  ${each(({ register, source }) => `var ${register} = ${source};`)}
  for (var c = start; c < end; c += ${depth}u) {
    ${each(({ register, target }) => `${target} = ${register};`)}
    workgroupBarrier();
    // The last one is fetched twice.
    next = min(c + ${depth}u, end - ${depth}u);
    ${each(({ register, source }) => `${register} = ${source};`)}
    ${turn(product, tile, load)}
    workgroupBarrier();
  }`;
}

/** Whether every copy is whole: as many vectors for each invocation. */
export function isEven(tile: MatrixTile, product: Omit<MatrixProduct, 'code'>): boolean {
  const factors = stagedFactors({ ...product, code: '' }, tile);
  return factors.every(({ of }) => (of.lines * of.vectors) % invocationsOf(tile) === 0);
}
