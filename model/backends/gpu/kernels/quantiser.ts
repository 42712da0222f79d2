/**
 * WGSL: steps A to D of the BitLinear unit (docs/ARITHMETIC.md, section 4) for one vector by one workgroup.
 *
 * One input vector, one to three gains (i, f and g share theirs), as many vectors of int8 and output scales. The kernel
 * around it declares the binding `vectors` (pairs of int16) and says where things come from and go to.
 *
 * The time of these kernels is latency: everything is loaded before the first barrier, and loops are unrolled so that
 * it stays in registers.
 */
import type { RowSize } from './arithmetic.js';
import { reduction, type Group } from './reduce.js';

export interface QuantiserText {
  readonly row: RowSize;
  /** Where each gain starts in `vectors`, in words (pairs of int16). */
  readonly gains: readonly number[];
  /**
   * What inputs are made of: names and WGSL expressions from `word`, `vec4<i32>`, loaded before anything is computed;
   * `ready` is executed in between.
   */
  readonly parts?: Readonly<Record<string, string>>;
  readonly ready?: string;
  /** WGSL expression of four input values, `vec4<i32>`, from their word index `word` and the parts. */
  readonly input: string;
  /**
   * WGSL of E (added to the sum of squares): a carried sum `vec2<u32>`, in the unit of v², from `squares`. `squares` is
   * the sum of the squares of the four int16 that `squared` gives for each word.
   */
  readonly epsilon: string;
  readonly squared?: string;
  /** WGSL statement that stores four int8, packed in `packed`, of product `product` at word `word`. */
  readonly store: string;
  /** What is left for the outputs of each product. */
  readonly left: Left;
}

/** WGSL of a type, and of a value made of `maximum` (max |u|), the carried `sum` (S) and `product`. */
export interface Left {
  readonly type: string;
  readonly value: string;
}

/** Steps F and G are done here: mantissa and shift. Needs `productScale(product)`. */
export const OUTPUT_SCALES: Left = {
  type: 'vec2<i32>',
  value: 'outputScale(maximum, sum, productScale(product))',
};

/** Steps F and G are left to whoever has time for them. */
export const SUMS: Left = { type: 'vec4<u32>', value: 'vec4(maximum, sum, 0u)' };

/**
 * Declares `fn quantise(local: u32)`, for all invocations of a workgroup, after which `left[product]` holds what is
 * left for the outputs. What it stored in workgroup memory is visible when it returns.
 */
export function quantiser(
  { row, gains, input, epsilon, squared, store, left, parts = {}, ready = '' }: QuantiserText,
  group: Group,
): string {
  const { words } = row;
  const { size } = group;
  const turns = Math.ceil(words / size);
  /** A statement for each turn; `t` is its number. What lies behind the last word is loaded, and counts as 0. */
  const eachTurn = (statement: (t: number) => string): string =>
    Array.from({ length: turns }, (_, t) => statement(t)).join('\n  ');
  const isWhole = (t: number): boolean => (t + 1) * size <= words;
  const guarded = (t: number, value: string): string =>
    isWhole(t) ? value : `select(vec4(0), ${value}, word${t} < ${words}u)`;
  const withSquares = squared !== undefined;
  const loads = Object.entries(parts);
  const parameters = loads.map(([name]) => `, ${name}: vec4<i32>`).join('');
  const given = (t: number): string => loads.map(([name]) => `, ${name}${t}`).join('');
  const fields = 2 + gains.length + (withSquares ? 2 : 0);
  const maxima = 2;
  const squareField = 2 + gains.length;
  const apart = Math.min(Math.max(32, group.subgroup), size / 4);
  const selected = `select(select(sums[${maxima}], sums[${maxima + 1}], product == 1u), sums[${maxima + 2}], product == 2u)`;
  const highSum = (v: string): string => `((${v}.x >> 16u) + (${v}.y >> 16u)) + ((${v}.z >> 16u) + (${v}.w >> 16u))`;
  const lowSum = (v: string): string =>
    `((${v}.x & 0xffffu) + (${v}.y & 0xffffu)) + ((${v}.z & 0xffffu) + (${v}.w & 0xffffu))`;
  return /* wgsl */ `
var<workgroup> left: array<${left.type}, ${gains.length}>;
${reduction('reduceMagnitudes', ['or'], group)}
${reduction(
  'reduceSums',
  ['add', 'add', ...gains.map(() => 'max' as const), ...(withSquares ? (['add', 'add'] as const) : [])],
  group,
)}
fn gainWord(base: u32, word: u32) -> vec4<i32> {
  return unpack4(vec2(vectors[base + 2u * word], vectors[base + 2u * word + 1u]));
}
${loads.map(([name, load]) => `fn ${name}Part(word: u32) -> vec4<i32> { return ${load}; }`).join('\n')}
fn inputWord(word: u32${parameters}) -> vec4<i32> { return ${input}; }
${withSquares ? `fn squaredWord(word: u32${parameters}) -> vec4<i32> { return ${squared}; }` : ''}

fn quantise(local: u32) {
  ${eachTurn((t) => `let word${t} = local + ${t * size}u;`)}
  ${loads.map(([name]) => eachTurn((t) => `let ${name}${t} = ${name}Part(word${t});`)).join('\n  ')}
  ${ready}
  ${eachTurn((t) => `let v${t} = ${guarded(t, `inputWord(word${t}${given(t)})`)};`)}
  ${withSquares ? eachTurn((t) => `let g${t} = ${guarded(t, `squaredWord(word${t}${given(t)})`)};`) : ''}
  ${gains.map((base, p) => eachTurn((t) => `let gain${p}_${t} = gainWord(${base}u, word${t});`)).join('\n  ')}
  var magnitude = vec4(0u);
  ${eachTurn((t) => `magnitude |= vec4<u32>(abs(v${t}));`)}
  let magnitudes = (magnitude.x | magnitude.y) | (magnitude.z | magnitude.w);
  let shift = u32(max(0, bitLength(reduceMagnitudes(local, array<u32, 1>(magnitudes))[0]) - 15));

  var sums: array<u32, ${fields}>;
  ${eachTurn(
    (t) => `let n${t} = min(roundShiftx4(v${t}, shift), vec4(32767));
  { let m = vec4<u32>(n${t} * n${t}); sums[0] += ${highSum('m')}; sums[1] += ${lowSum('m')}; }`,
  )}
  ${
    withSquares
      ? eachTurn(
          (t) =>
            `{ let m = vec4<u32>(g${t} * g${t}); sums[${squareField}] += ${highSum('m')}; sums[${squareField + 1}] += ${lowSum('m')}; }`,
        )
      : ''
  }
  ${gains
    .map((_, p) =>
      eachTurn(
        (t) => `let u${p}_${t} = n${t} * gain${p}_${t};
  { let m = vec4<u32>(abs(u${p}_${t})); sums[${maxima + p}] = max(sums[${maxima + p}], max(max(m.x, m.y), max(m.z, m.w))); }`,
      ),
    )
    .join('\n  ')}
  sums = reduceSums(local, sums);
  ${gains
    .map(
      (_, p) => `
  {
    let maximum = sums[${maxima + p}];
    let drop = bitLength(maximum) - 15;
    let top = scaleTo15(vec4(i32(maximum), 0, 0, 0), drop).x;
    let reciprocal = vec4(532676608 / max(top, 1)); // 127 * 2^22
    const product = ${p}u;
    ${eachTurn(
      (t) => `${isWhole(t) ? '{' : `if (word${t} < ${words}u) {`}
      let word = word${t};
      let packed = pack4xI8((scaleTo15(u${p}_${t}, drop) * reciprocal + vec4(2097152)) >> vec4(22u));
      ${store}
    }`,
    )}
  }`,
    )
    .join('')}
  // One product for each subgroup, or what takes its place: what is left of them is made side by side.
  if (local % ${apart}u == 0u && local < ${apart * gains.length}u) {
    let product = local / ${apart}u;
    ${gains.length === 1 ? `let maximum = sums[${maxima}];` : `let maximum = ${selected};`}
    ${withSquares ? `let squares = carried(sums[${squareField}], sums[${squareField + 1}]);` : ''}
    let e = shiftedSum(${epsilon}, 2u * shift);
    let sum = carried(sums[0] + e.x, sums[1] + e.y);
    left[product] = ${left.value};
  }
  workgroupBarrier();
}
`;
}
