/**
 * WGSL: C[i][j] = Σ_c A(c, i)·B(c, j) in float32, in tiles that go through workgroup memory. B comes as words of four int8, so four j at a time.
 * The sums of a tile are in the order of c: the same bits every time.
 */

/** How large a tile is: 16 × 16 invocations, each with rows × columns sums. */
export interface TileShape {
  readonly rows: 4 | 8;
  readonly columns: 4 | 8;
}

/** c that are in workgroup memory at a time. */
const DEPTH = 16;

export interface TiledProduct {
  /** Of C. */
  readonly rows: number;
  readonly columns: number;
  readonly tile: TileShape;
  /** Declarations, and `fn loadA(c: u32, i: u32) -> f32`, `fn loadB(c: u32, word: u32) -> vec4<f32>`, `fn store(i: u32, j: u32, value: f32)`; inside all bounds. */
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
  // Neighbouring invocations write neighbouring c: a stride that is odd spreads them over the banks.
  const stride = isAlongI ? height : height + 1;
  const a = Array.from({ length: tile.rows }, (_, k) => k);
  const b = Array.from({ length: tile.columns / 4 }, (_, k) => k);
  const column = (k: number, lane: number): string => `firstColumn + x + ${16 * (4 * k + lane)}u`;
  return /* wgsl */ `
${code}
var<workgroup> tileA: array<f32, ${DEPTH * stride}>;
var<workgroup> tileB: array<f32, ${DEPTH * width}>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let firstColumn = group.x * ${width}u;
  let firstRow = group.y * ${height}u;
  let x = local % 16u;
  let y = local / 16u;
  let to = ${to};
  ${a.map((i) => b.map((k) => `var sum${i}_${k} = vec4<f32>(0.0);`).join(' ')).join('\n  ')}
  for (var first = ${from}; first < to; first += ${DEPTH}u) {
    for (var e = local; e < ${DEPTH * height}u; e += 256u) {
      let c = ${isAlongI ? `e / ${height}u` : `e % ${DEPTH}u`};
      let i = ${isAlongI ? `e % ${height}u` : `e / ${DEPTH}u`};
      var value = 0.0;
      if (first + c < to && firstRow + i < ${rows}u) { value = loadA(first + c, firstRow + i); }
      tileA[c * ${stride}u + i] = value;
    }
    for (var e = local; e < ${(DEPTH * width) / 4}u; e += 256u) {
      let c = e / ${width / 4}u;
      let word = e % ${width / 4}u;
      var values = vec4<f32>(0.0);
      if (first + c < to && firstColumn + 4u * word < ${columns}u) { values = loadB(first + c, firstColumn / 4u + word); }
      let at = c * ${width}u + 4u * word;
      tileB[at] = values.x; tileB[at + 1u] = values.y; tileB[at + 2u] = values.z; tileB[at + 3u] = values.w;
    }
    workgroupBarrier();
    for (var c = 0u; c < ${DEPTH}u; c++) {
      let lineB = c * ${width}u + x;
      let lineA = c * ${stride}u + y;
      ${b.map((k) => `let b${k} = vec4(tileB[lineB + ${64 * k}u], tileB[lineB + ${64 * k + 16}u], tileB[lineB + ${64 * k + 32}u], tileB[lineB + ${64 * k + 48}u]);`).join('\n      ')}
      ${a.map((i) => `{ let a = tileA[lineA + ${16 * i}u]; ${b.map((k) => `sum${i}_${k} += a * b${k};`).join(' ')} }`).join('\n      ')}
    }
    workgroupBarrier();
  }
  ${a
    .map(
      (i) => /* wgsl */ `{
    let i = firstRow + y + ${16 * i}u;
    if (i < ${rows}u) {
      ${b.map((k) => [0, 1, 2, 3].map((lane) => `if (${column(k, lane)} < ${columns}u) { store(i, ${column(k, lane)}, sum${i}_${k}[${lane}]); }`).join('\n      ')).join('\n      ')}
    }
  }`,
    )
    .join('\n  ')}
}
`;
}
