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

  /** Compiles what has no matrix units, once for all that stand on it. */
  readonly #own: GpuDevice;
  readonly #spoil: (code: string) => string;

  /** @param spoil changes a kernel before it is rewritten, to see that it is found out */
  constructor(own: GpuDevice, spoil = (code: string): string => code) {
    super(own.device, own.name, { ...own.features, matrices: true, halves: true });
    this.#own = own;
    this.#spoil = spoil;
  }

  override kernel(...[label, code, layout]: Parameters<GpuDevice['kernel']>): Kernel {
    if (!code.includes('subgroup_matrix')) return this.#own.kernel(label, code, layout);
    this.rewritten.add(label);
    return super.kernel(label, plain(this.#spoil(code)), layout);
  }

  override matricesWork(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

const LOADS = /subgroupMatrixLoad<subgroup_matrix_(left|right)<(i8|f16), \d+, \d+>, (row|col)_major>\(&(\w+), /g;
const STORES = /subgroupMatrixStore<row_major>\(&(\w+), /g;

/** Along `depth`, `lanes` elements a vector. */
const KINDS = {
  i8: { depth: 32, lanes: 16, sum: 'i32' },
  f16: { depth: 16, lanes: 8, sum: 'f32' },
} as const;
type Factor = keyof typeof KINDS;

/** How one side lies in memory. */
interface Side {
  readonly name: string;
  readonly isAlongDepth: boolean;
}

function plain(code: string): string {
  const factor: Factor = code.includes('<f16, ') ? 'f16' : 'i8';
  const loads = [...code.matchAll(LOADS)];
  const sideOf = (wanted: string): Side => {
    const [, side, , order, name = ''] = loads.find(([, found]) => found === wanted) ?? [];
    return { name, isAlongDepth: (side === 'left') === (order === 'row') };
  };
  const stores = new Set([...code.matchAll(STORES)].map(([, name]) => store(name ?? '')));
  const rewritten = code
    .replace('enable f16;', '')
    .replace('enable chromium_experimental_subgroup_matrix;', '')
    .replace('diagnostic(off, chromium.subgroup_matrix_uniformity);', '')
    .replaceAll(/subgroup_matrix_result<\w+, 16, 16>/g, 'HalfRow')
    .replaceAll(LOADS, 'Block(')
    .replaceAll(STORES, 'store_$1(')
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiplyAdd(')
    .replace(/(fn main\([^{]*\{)/, '$1\n  lane_ = local % 32u;');
  return /* wgsl */ `${rewritten}
var<private> lane_: u32;
// Where a block lies; what is there is read when it is multiplied, before the next barrier.
struct Block { at: u32, stride: u32 }
struct HalfRow { sums: array<vec4<${KINDS[factor].sum}>, 2> }
fn multiplyAdd(left: Block, right: Block, before: HalfRow) -> HalfRow {
  var result = before;
  for (var c = 0u; c < 8u; c++) {
    ${multiplyAdd(factor, sideOf('left'), sideOf('right'))}
  }
  return result;
}
${[...stores].join('\n')}
`;
}

/** Adds the lane's row of the left times its column `c` of the right. */
function multiplyAdd(factor: Factor, left: Side, right: Side): string {
  const { depth } = KINDS[factor];
  const [i, j] = ['(lane_ / 2u)', '(8u * (lane_ % 2u) + c)'];
  if (factor === 'i8') {
    // Both along the depth, in all kernels: four at a time.
    const word = (side: string, { name }: Side, line: string): string =>
      `u32(${name}[${side}.at + ${line} * ${side}.stride + k / 4u][k % 4u])`;
    const product = `dot4I8Packed(${word('left', left, i)}, ${word('right', right, j)})`;
    return `for (var k = 0u; k < ${depth / 4}u; k++) { result.sums[c / 4u][c % 4u] += ${product}; }`;
  }
  const product = `${element('left', left, i)} * ${element('right', right, j)}`;
  return `for (var k = 0u; k < ${depth}u; k++) { result.sums[c / 4u][c % 4u] += ${product}; }`;
}

/** A half: of row or column `line`, the kth. */
function element(side: string, { name, isAlongDepth }: Side, line: string): string {
  const { lanes } = KINDS.f16;
  const [major, minor] = isAlongDepth ? [line, 'k'] : ['k', line];
  const vector = `${name}[${side}.at + ${major} * ${side}.stride + ${minor} / ${lanes}u]`;
  return `unpack2x16float(${vector}[${minor} % ${lanes}u / 2u])[${minor} % 2u]`;
}

function store(name: string): string {
  return /* wgsl */ `
fn store_${name}(at: u32, half: HalfRow, stride: u32) {
  let first = at + (lane_ / 2u) * stride + 2u * (lane_ % 2u);
  ${name}[first] = half.sums[0];
  ${name}[first + 1u] = half.sums[1];
}`;
}
