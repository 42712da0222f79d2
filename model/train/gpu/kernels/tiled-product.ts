/**
 * WGSL: C[i][j] = Σ_c A(c, i)·B(c, j) in float32, in tiles that go through workgroup memory. B comes as words of four
 * int8, so four j at a time. The sums of a tile are in the order of c: the same bits every time.
 */

/** How large a tile is: 16 × 16 invocations, each with rows × columns sums. */
export interface TileShape {
  readonly rows: 4 | 8;
  readonly columns: 4 | 8;
}

/** c that are in workgroup memory at a time. */
const DEPTH = 16;

export interface TiledProduct {
  /** Of C; columns are a multiple of four. */
  readonly rows: number;
  readonly columns: number;
  readonly tile: TileShape;
  /**
   * Declarations, and `fn loadA(c: u32, i: u32) -> f32`, `fn loadB(c: u32, word: u32) -> vec4<f32>`,
   * `fn store(split: u32, i: u32, word: u32, value: vec4<f32>)`, where `split` is `group.z`; inside all bounds.
   */
  readonly code: string;
  /** Whether neighbouring i lie side by side in memory; else neighbouring c. */
  readonly isAlongI: boolean;
  /** Of c; WGSL expressions, in terms of `group`. */
  readonly from: string;
  readonly to: string;
}

/** Eight columns where they fill the tiles, and rows as many as there are. */
export function tileShape(rows: number, columns: number): TileShape {
  const fit = (n: number): 4 | 8 => (n % 128 === 0 || n >= 1024 ? 8 : 4);
  return { rows: fit(rows), columns: fit(columns) };
}

export function tiledProductGroups(rows: number, columns: number, tile: TileShape): readonly [number, number] {
  return [Math.ceil(columns / (16 * tile.columns)), Math.ceil(rows / (16 * tile.rows))];
}

export function tiledProduct({ rows, columns, tile, code, isAlongI, from, to }: TiledProduct): string {
  const height = 16 * tile.rows;
  const width = 16 * tile.columns;
  // Neighbouring invocations write neighbouring c: a stride of four words more spreads them over the banks.
  const strideA = (isAlongI ? height : height + 4) / 4;
  const strideB = width / 4;
  const a = Array.from({ length: tile.rows / 4 }, (_, k) => k);
  const b = Array.from({ length: tile.columns / 4 }, (_, k) => k);
  const lanes = [0, 1, 2, 3] as const;
  const every = (line: (i: number, lane: number, k: number) => string): string =>
    a.flatMap((i) => lanes.flatMap((lane) => b.map((k) => line(i, lane, k)))).join('\n      ');
  return /* wgsl */ `
${code}
// Four neighbouring i or j are one vector: an invocation has i and j in fours, 64 apart.
var<workgroup> tileA: array<vec4<f32>, ${DEPTH * strideA}>;
var<workgroup> tileB: array<vec4<f32>, ${DEPTH * strideB}>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let firstColumn = group.x * ${width}u;
  let firstRow = group.y * ${height}u;
  let x = local % 16u;
  let y = local / 16u;
  let to = ${to};
  ${every((i, lane, k) => `var sum${i}_${lane}_${k} = vec4<f32>(0.0);`)}
  for (var first = ${from}; first < to; first += ${DEPTH}u) {
    for (var e = local; e < ${(DEPTH * height) / 4}u; e += 256u) {
      let c = ${isAlongI ? `e / ${height / 4}u` : `e % ${DEPTH}u`};
      let word = ${isAlongI ? `e % ${height / 4}u` : `e / ${DEPTH}u`};
      let i = firstRow + 4u * word;
      var values = vec4<f32>(0.0);
      if (first + c < to) {
        ${lanes.map((lane) => `if (i + ${lane}u < ${rows}u) { values[${lane}] = loadA(first + c, i + ${lane}u); }`).join('\n        ')}
      }
      tileA[c * ${strideA}u + word] = values;
    }
    for (var e = local; e < ${DEPTH * strideB}u; e += 256u) {
      let c = e / ${strideB}u;
      let word = e % ${strideB}u;
      var values = vec4<f32>(0.0);
      if (first + c < to && firstColumn + 4u * word < ${columns}u) { values = loadB(first + c, firstColumn / 4u + word); }
      tileB[e] = values;
    }
    workgroupBarrier();
    for (var c = 0u; c < ${DEPTH}u; c++) {
      ${a.map((i) => `let a${i} = tileA[c * ${strideA}u + y + ${16 * i}u];`).join('\n      ')}
      ${b.map((k) => `let b${k} = tileB[c * ${strideB}u + x + ${16 * k}u];`).join('\n      ')}
      ${every((i, lane, k) => `sum${i}_${lane}_${k} += a${i}[${lane}] * b${k};`)}
    }
    workgroupBarrier();
  }
  ${every(
    (i, lane, k) => /* wgsl */ `{
    let row = firstRow + 4u * y + ${64 * i + lane}u;
    let word = firstColumn / 4u + x + ${16 * k}u;
    if (row < ${rows}u && 4u * word < ${columns}u) { store(group.z, row, word, sum${i}_${lane}_${k}); }
  }`,
  )}
}
`;
}
