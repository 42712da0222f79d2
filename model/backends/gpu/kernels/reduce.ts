/**
 * WGSL: combining one value, or several, of all invocations of a workgroup. Exact in any order, because every operation
 * is.
 *
 * With subgroups the lanes of one are combined in registers; without, everything goes through workgroup memory.
 */

/** How the invocations of a kernel are arranged. */
export interface Group {
  /** Invocations of a workgroup: a power of two. */
  readonly size: number;
  /** Lanes of a subgroup, all adapters' subgroups being equally wide; 0: subgroups are not used. */
  readonly subgroup: number;
}

export type Operation = 'add' | 'max' | 'or' | 'xor';

const SUBGROUP = { add: 'subgroupAdd', max: 'subgroupMax', or: 'subgroupOr', xor: 'subgroupXor' } as const;

const COMBINE: Readonly<Record<Operation, (a: string, b: string) => string>> = {
  add: (a, b) => `${a} + ${b}`,
  max: (a, b) => `max(${a}, ${b})`,
  or: (a, b) => `${a} | ${b}`,
  xor: (a, b) => `${a} ^ ${b}`,
};

/**
 * `fn <name>(local: u32, value: array<u32, n>) -> array<u32, n>`: combines field k of all invocations with
 * `operations[k]`. All invocations get the result. A kernel calls it once, in uniform control flow.
 */
export function reduction(name: string, operations: readonly Operation[], { size, subgroup }: Group): string {
  const n = operations.length;
  const each = (line: (operation: Operation, k: number) => string): string => operations.map(line).join('\n    ');
  if (subgroup === 0) {
    return /* wgsl */ `
var<workgroup> ${name}Scratch: array<array<u32, ${n}>, ${size}>;
fn ${name}(local: u32, value: array<u32, ${n}>) -> array<u32, ${n}> {
  ${name}Scratch[local] = value;
  workgroupBarrier();
  for (var stride = ${size / 2}u; stride > 0u; stride >>= 1u) {
    if (local < stride) {
    ${each((operation, k) => `${name}Scratch[local][${k}] = ${COMBINE[operation](`${name}Scratch[local][${k}]`, `${name}Scratch[local + stride][${k}]`)};`)}
    }
    workgroupBarrier();
  }
  return ${name}Scratch[0];
}
`;
  }
  return /* wgsl */ `
var<workgroup> ${name}Scratch: array<array<u32, ${n}>, ${size / subgroup}>;
fn ${name}(local: u32, value: array<u32, ${n}>) -> array<u32, ${n}> {
  var total: array<u32, ${n}>;
    ${each((operation, k) => `total[${k}] = ${SUBGROUP[operation]}(value[${k}]);`)}
  if (local % ${subgroup}u == 0u) { ${name}Scratch[local / ${subgroup}u] = total; }
  workgroupBarrier();
  total = ${name}Scratch[0];
  for (var s = 1u; s < ${size / subgroup}u; s++) {
    let other = ${name}Scratch[s];
    ${each((operation, k) => `total[${k}] = ${COMBINE[operation](`total[${k}]`, `other[${k}]`)};`)}
  }
  return total;
}
`;
}

/**
 * `fn laneSum(local: u32, values: array<i32, n>) -> array<i32, n>`: sums over each `lanes` neighbouring invocations,
 * all of which get the result. A kernel calls it once, in uniform control flow. `lanes` is a power of two, at most the
 * subgroup where those are used.
 */
export function laneSum(n: number, lanes: number, { size, subgroup }: Group): string {
  if (subgroup > 0) {
    const steps: string[] = [];
    for (let distance = 1; distance < lanes; distance *= 2) {
      for (let k = 0; k < n; k++) steps.push(`total[${k}] += subgroupShuffleXor(total[${k}], ${distance}u);`);
    }
    return /* wgsl */ `
fn laneSum(local: u32, values: array<i32, ${n}>) -> array<i32, ${n}> {
  var total = values;
  ${steps.join('\n  ')}
  return total;
}
`;
  }
  return /* wgsl */ `
var<workgroup> laneScratch: array<array<i32, ${n}>, ${size}>;
fn laneSum(local: u32, values: array<i32, ${n}>) -> array<i32, ${n}> {
  laneScratch[local] = values;
  workgroupBarrier();
  var total: array<i32, ${n}>;
  let first = local & ${0xffff_ffff - (lanes - 1)}u;
  for (var lane = 0u; lane < ${lanes}u; lane++) {
    for (var k = 0u; k < ${n}u; k++) { total[k] += laneScratch[first + lane][k]; }
  }
  return total;
}
`;
}

/** What a module with subgroups begins with. */
export function enableSubgroups({ subgroup }: Group): string {
  return subgroup > 0 ? 'enable subgroups;\n' : '';
}
