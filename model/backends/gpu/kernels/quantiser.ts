/**
 * WGSL: steps A to D of the BitLinear unit (docs/ARITHMETIC.md, section 4) for one vector by one workgroup.
 *
 * One input vector, one to three gains (i, f and g share theirs), as many vectors of int8 and output scales. The kernel around it declares the
 * binding `vectors` (pairs of int16) and says where things come from and go to.
 */
import type { RowSize } from './arithmetic.js';
import { reduction, type Group } from './reduce.js';

export interface QuantiserText {
  readonly row: RowSize;
  /** Where each gain starts in `vectors`, in words (pairs of int16). */
  readonly gains: readonly number[];
  /** WGSL expression of four input values, `vec4<i32>`, from their word index `word`. */
  readonly input: string;
  /**
   * WGSL of E (added to the sum of squares): a carried sum `vec2<u32>`, in the unit of v², from `squares`. `squares` is the sum of the squares of
   * the four int16 that `squared` gives for each word.
   */
  readonly epsilon: string;
  readonly squared?: string;
  /** WGSL statement that stores four int8, packed in `packed`, of product `product` at word `word`. */
  readonly store: string;
}

/**
 * Declares `fn quantise(local: u32)`, for all invocations of a workgroup, after which `quantiserScales[product]` holds mantissa and shift of
 * the outputs. What it stored in workgroup memory is visible when it returns. Needs `productScale(product)`.
 */
export function quantiser({ row, gains, input, epsilon, squared, store }: QuantiserText, group: Group): string {
  const { words } = row;
  const { size } = group;
  const turns = Math.ceil(words / size);
  const products = gains.map((_, p) => p);
  const ofEach = (line: (p: number) => string): string => products.map(line).join('\n      ');
  const whole = words % size === 0;
  /** Runs `body` for each word of this invocation. */
  const forWords = (body: string): string => `
  for (var turn = 0u; turn < ${turns}u; turn++) {
    let word = local + turn * ${size}u;
    ${whole ? `{ ${body} }` : `if (word < ${words}u) { ${body} }`}
  }`;
  return /* wgsl */ `
var<workgroup> quantiserScales: array<vec2<i32>, ${gains.length}>;
${reduction('reduceMagnitudes', ['or'], group)}
${reduction('reduceSums', ['add', 'add', 'add', 'add', ...products.map(() => 'max' as const)], group)}
fn gainWord(base: u32, word: u32) -> vec4<i32> {
  return unpack4(vec2(vectors[base + 2u * word], vectors[base + 2u * word + 1u]));
}

fn quantise(local: u32) {
  var n: array<vec4<i32>, ${turns}>;
  var magnitudes = 0u;
  var sums: array<u32, ${4 + gains.length}>;
  ${forWords(`
      let v = ${input};
      n[turn] = v;
      let a = vec4<u32>(abs(v));
      magnitudes |= a.x | a.y | a.z | a.w;
      ${
        squared === undefined
          ? ''
          : `let s = ${squared};
      let s2 = vec4<u32>(s * s);
      sums[2] += (s2.x >> 16u) + (s2.y >> 16u) + (s2.z >> 16u) + (s2.w >> 16u);
      sums[3] += (s2.x & 0xffffu) + (s2.y & 0xffffu) + (s2.z & 0xffffu) + (s2.w & 0xffffu);`
      }`)}
  let shift = u32(max(0, bitLength(reduceMagnitudes(local, array<u32, 1>(magnitudes))[0]) - 15));
  ${forWords(`
      let m = min(roundShiftx4(n[turn], shift), vec4(32767));
      n[turn] = m;
      let m2 = vec4<u32>(m * m);
      sums[0] += (m2.x >> 16u) + (m2.y >> 16u) + (m2.z >> 16u) + (m2.w >> 16u);
      sums[1] += (m2.x & 0xffffu) + (m2.y & 0xffffu) + (m2.z & 0xffffu) + (m2.w & 0xffffu);
      ${ofEach(
        (p) => `let u${p} = vec4<u32>(abs(m * gainWord(${gains[p]}u, word)));
      sums[${4 + p}] = max(sums[${4 + p}], max(max(u${p}.x, u${p}.y), max(u${p}.z, u${p}.w)));`,
      )}`)}
  sums = reduceSums(local, sums);
  let squares = carried(sums[2], sums[3]);
  let e = shiftedSum(${epsilon}, 2u * shift);
  let sum = carried(sums[0] + e.x, sums[1] + e.y);
  ${products
    .map(
      (p) => `
  {
    let maximum = sums[${4 + p}];
    let drop = bitLength(maximum) - 15;
    let top = scaleTo15(vec4(i32(maximum), 0, 0, 0), drop).x;
    let reciprocal = 532676608 / max(top, 1); // 127 * 2^22
    if (local == ${(p * Math.max(32, group.subgroup)) % size}u) {
      quantiserScales[${p}] = outputScale(maximum, sum, productScale(${p}u));
    }
    const product = ${p}u;
    ${forWords(`
      let u = scaleTo15(n[turn] * gainWord(${gains[p]}u, word), drop);
      let packed = pack4xI8((u * vec4(reciprocal) + vec4(2097152)) >> vec4(22u));
      ${store}`)}
  }`,
    )
    .join('')}
  workgroupBarrier();
}
`;
}
