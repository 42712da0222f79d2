/**
 * Matrix units in plain WGSL, for adapters without them: kernels that use `chromium-experimental-subgroup-matrix` are
 * rewritten, so that everything else about them (what they load where, turns, tiles, edges, what follows) is tested
 * wherever there is a GPU at all.
 *
 * A result of 16 × 16 is shared out to 32 lanes, half a row each. The kernels count their lanes themselves, and wait
 * for one another with barriers of the workgroup, so it does not matter how wide subgroups are.
 */
import { GpuDevice } from '../../model/backends/gpu/device/gpu-device.js';

type Kernel = ReturnType<GpuDevice['kernel']>;

/** `gpu`, as if it had matrix units. Whoever opened `gpu` destroys it. */
export class PlainMatrices extends GpuDevice {
  /** Kernels that were rewritten. */
  readonly rewritten = new Set<string>();

  constructor({ device, name, features }: GpuDevice) {
    super(device, name, { ...features, matrices: true });
  }

  override kernel(...[label, code, layout]: Parameters<GpuDevice['kernel']>): Kernel {
    if (!code.includes('subgroup_matrix')) return super.kernel(label, code, layout);
    this.rewritten.add(label);
    return super.kernel(label, plain(code), layout);
  }

  override matricesWork(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

const LOADS = /subgroupMatrixLoad<subgroup_matrix_(left|right)<i8, \d+, \d+>, \w+>\(&(\w+), /g;
const STORES = /subgroupMatrixStore<row_major>\(&(\w+), /g;

function plain(code: string): string {
  const functions = new Set([
    ...[...code.matchAll(LOADS)].map(([, side, name]) => (side === 'left' ? loadLeft : loadRight)(name ?? '')),
    ...[...code.matchAll(STORES)].map(([, name]) => store(name ?? '')),
  ]);
  const rewritten = code
    .replace('enable chromium_experimental_subgroup_matrix;', '')
    .replace('diagnostic(off, chromium.subgroup_matrix_uniformity);', '')
    .replaceAll('subgroup_matrix_result<i32, 16, 16>', 'HalfRow')
    .replaceAll(LOADS, '$1_$2(')
    .replaceAll(STORES, 'store_$1(')
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiplyAdd(')
    .replace(/(fn main\([^{]*\{)/, '$1\n  lane_ = local % 32u;');
  return /* wgsl */ `${rewritten}
var<private> lane_: u32;
// A row of the left, eight columns of the right, 32 int8 each, and what they make.
struct Row { halves: array<vec4<i32>, 2> }
struct Columns { halves: array<vec4<i32>, 16> }
struct HalfRow { sums: array<vec4<i32>, 2> }
fn multiplyAdd(left: Row, right: Columns, before: HalfRow) -> HalfRow {
  var result = before;
  for (var c = 0u; c < 8u; c++) {
    for (var half = 0u; half < 2u; half++) {
      let a = vec4<u32>(left.halves[half]);
      let b = vec4<u32>(right.halves[2u * c + half]);
      for (var k = 0u; k < 4u; k++) { result.sums[c / 4u][c % 4u] += dot4I8Packed(a[k], b[k]); }
    }
  }
  return result;
}
${[...functions].join('\n')}
`;
}

function loadLeft(name: string): string {
  return /* wgsl */ `
fn left_${name}(at: u32, stride: u32) -> Row {
  let first = at + (lane_ / 2u) * stride;
  return Row(array(${name}[first], ${name}[first + 1u]));
}`;
}

/** By columns: 32 int8 of a column lie side by side. */
function loadRight(name: string): string {
  return /* wgsl */ `
fn right_${name}(at: u32, stride: u32) -> Columns {
  var columns: Columns;
  for (var c = 0u; c < 8u; c++) {
    let first = at + (8u * (lane_ % 2u) + c) * stride;
    columns.halves[2u * c] = ${name}[first];
    columns.halves[2u * c + 1u] = ${name}[first + 1u];
  }
  return columns;
}`;
}

function store(name: string): string {
  return /* wgsl */ `
fn store_${name}(at: u32, half: HalfRow, stride: u32) {
  let first = at + (lane_ / 2u) * stride + 2u * (lane_ % 2u);
  ${name}[first] = half.sums[0];
  ${name}[first + 1u] = half.sums[1];
}`;
}
