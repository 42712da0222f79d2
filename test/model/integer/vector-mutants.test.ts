/**
 * Would an implementation that is wrong at one edge of the text pass all vectors? Each mutant is the compiled reference
 * with one expression changed; some vector must tell. Mutants that compute the same are listed as such, and must.
 */

import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import type * as BitLinear from '../../../model/integer/bitlinear.js';
import type * as Channels from '../../../model/integer/channels.js';
import type * as FixedPoint from '../../../model/integer/fixed-point.js';
import type * as SamplerModule from '../../../model/integer/sampler.js';
import type * as Sigmoid from '../../../model/integer/sigmoid.js';
import { primitiveVectors } from '../../../model/integer/vectors/vectors.js';
import { exp2Table, sigmaTable } from '../../../protocol/image/tables.js';
import { temporaryFolder } from '../../helpers/command-line.js';

const DIST = fileURLToPath(new URL('../../../dist', import.meta.url));
const path = temporaryFolder();
/** As `mmfree vectors` writes them, with fewer random cases than it writes by default. */
const VECTORS = primitiveVectors(1, 50).map(({ name, lines }) => ({ name, lines: [...lines] }));
const SIGMA = sigmaTable();

/** [edge of the text, module, expression, what is computed instead] */
const MUTANTS: readonly (readonly [string, string, string, string])[] = [
  ['A: min(…, 32767)', 'bitlinear', 'mantissa > 32767 ? 32767 : mantissa', 'mantissa'],
  ['A: n = −32768', 'bitlinear', 'mantissa > 32767 ? 32767 : mantissa', 'Math.max(-32767, Math.min(32767, mantissa))'],
  [
    'A: |v| = 2^30',
    'bitlinear',
    'Math.max(0, bitLength(magnitudes) - 15)',
    'Math.min(15, Math.max(0, bitLength(magnitudes) - 15))',
  ],
  ['A: rounds half up', 'bitlinear', 'roundShift(v[k], shift)', 'v[k] >> shift'],
  ['B: all of E', 'bitlinear', 'Math.floor(epsilon / 2 ** (2 * shift))', '((epsilon | 0) >>> Math.min(31, 2 * shift))'],
  [
    'B: E >> 2e is a floor',
    'bitlinear',
    'Math.floor(epsilon / 2 ** (2 * shift))',
    'Math.round(epsilon / 2 ** (2 * shift))',
  ],
  ['B: wide rows', 'bitlinear', 'sum += n[k] * n[k]', 'sum = (sum + n[k] * n[k]) % 2 ** 42'],
  ['D: rounds', 'bitlinear', '+ (1 << 21)', '+ 0'],
  ['D: u << −d', 'bitlinear', 'drop >= 0 ? u[k] >> drop : u[k] << -drop', 'u[k] >> Math.max(0, drop)'],
  ['D: d of small M', 'bitlinear', 'maximum >> drop : maximum << -drop', 'maximum >> drop : maximum'],
  ['E: a weight of −1', 'ternary-product', '- 1', '+ 0'],
  ['F: wide S', 'bitlinear', '32 + bitLength(Math.floor(sum / 2 ** 32))', '32'],
  ['F: floor of half', 'bitlinear', 'Math.floor((bits - 29) / 2)', 'Math.trunc((bits - 29) / 2)'],
  ['G: carry of norm15', 'bitlinear', 'const carry = mantissa === 32768', 'const carry = false'],
  ['G: norm15 rounds', 'bitlinear', 'const mantissa = roundShift(p, drop)', 'const mantissa = p >> drop'],
  ['G: saturates', 'bitlinear', 'scale.exponent > -4', 'false'],
  ['G: saturates from −x < 4 on', 'bitlinear', 'scale.exponent > -4', 'scale.exponent >= -4'],
  [
    'H: rounds',
    'bitlinear',
    'roundShift(mul15(out[r] << 11, mantissa), shift)',
    'mul15(out[r] << 11, mantissa) >> shift',
  ],
  ['rsh: no overflow', 'fixed-point', '(a >> s) + ((a >> (s - 1)) & 1)', '(a + (1 << (s - 1))) >> s'],
  ['rsh: s = 32', 'fixed-point', 'if (s > 31)', 'if (s > 32)'],
  ['mul15: rounds', 'fixed-point', '+ 0x4000', '+ 0'],
  ['root: a perfect square', 'fixed-point', 'rest >= root + bit', 'rest > root + bit'],
  ['sat_16: low end', 'fixed-point', 'a < -32768 ? -32768', 'a < -32768 ? -32767'],
  ['sat_31: high end', 'fixed-point', 'a > INT31_MAX ? INT31_MAX', 'a > INT31_MAX ? INT31_MAX + 1'],
  ['sat_31: low end', 'fixed-point', 'a < INT31_MIN ? INT31_MIN', 'a < INT31_MIN ? INT31_MIN + 1'],
  ['σ: rounds', 'sigmoid', '+ 64', '+ 0'],
  ['up3 saturates', 'sigmoid', 'sat16(p << 3)', '((p << 19) >> 16)'],
  ['i saturates', 'channels', 'sat16(i)', 'i'],
  ['f saturates', 'channels', 'sat16(f)', 'f'],
  ['1 − f rounds', 'channels', 'Math.imul(keep, forgetScale) + 0x4000', 'Math.imul(keep, forgetScale)'],
  ['b rounds', 'channels', 'Math.imul(g, gNorm) + 0x4000', 'Math.imul(g, gNorm)'],
  ['silu(h) saturates', 'channels', 'sat16(roundShift(h, 12))', 'roundShift(h, 12)'],
  ['silu(h) rounds', 'channels', 'roundShift(h, 12)', 'h >> 12'],
  ['gate saturates', 'channels', 'sat16(gate)', 'gate'],
  ['up = −32768', 'channels', 'Math.max(-32767, sat16(up))', 'sat16(up)'],
  ['an update saturates', 'channels', 'sat31(x + sat31(out))', 'sat31(x + out)'],
  ['the residual saturates', 'channels', 'sat31(x + sat31(out))', '(x + sat31(out))'],
  ['sampler: C ≥ T', 'sampler', 'this.#cumulative[j] < threshold', 'this.#cumulative[j] <= threshold'],
  ['sampler: T by mul15', 'sampler', 'mul15(total, settings.topP)', 'Math.floor((total * settings.topP) / 32768)'],
  ['sampler: C > target', 'sampler', 'target + 1', 'target'],
  [
    'sampler: distances beyond 2^26',
    'sampler',
    'Math.min(best - this.#logits[j], 2 ** 26 - 1)',
    '(best - this.#logits[j])',
  ],
  ['sampler: shifted out', 'sampler', 'Math.min(exponent >> 11, 31)', '(exponent >> 11)'],
  ['sampler: equal logits by lower id', 'sampler', 'values[slot - 1] < value', 'values[slot - 1] <= value'],
  ['sampler: the last of equals stays out', 'sampler', 'value <= values[count - 1]', 'value < values[count - 1]'],
  ['sampler: total after the cut', 'sampler', 'total = cumulative[kept - 1]', 'total += 0'],
];

/** Changes that make no difference, and why. */
const EQUIVALENT: readonly (readonly [string, string, string, string])[] = [
  [
    'ρ is below 32768 by itself: root ≥ 2^14',
    'bitlinear',
    'Math.min(32767, Math.floor((2 ** 29 - 1) / root))',
    'Math.floor((2 ** 29 - 1) / root)',
  ],
  ['only root = 2^14 divides 2^29, and the minimum takes that', 'bitlinear', '(2 ** 29 - 1) / root', '2 ** 29 / root'],
  ['the last two entries of SIGMA are equal', 'sigmoid', 'p === -32768 ? 32767 : -p', '-p'],
  ['what top-p 1 would cut has no weight', 'sampler', 'settings.topP < MAX_TOP_P', 'settings.topP <= MAX_TOP_P'],
  ['−f of −32768 saturates anyway', 'channels', 'up3(-sat16(f))', 'up3(Math.min(32767, -sat16(f)))'],
];

it.each(MUTANTS)('tell an implementation without «%s»', async (...mutant) => {
  expect(firstDifference(await mutated(...mutant))).toBeDefined();
});

it.each(EQUIVALENT)('cannot tell where nothing differs: %s', async (...mutant) => {
  expect(firstDifference(await mutated(...mutant))).toBeUndefined();
});

interface Modules {
  readonly bitlinear: typeof BitLinear;
  readonly channels: typeof Channels;
  readonly fixedPoint: typeof FixedPoint;
  readonly sampler: typeof SamplerModule;
  readonly sigmoid: typeof Sigmoid;
}

let mutants = 0;

/** The compiled integer model with one expression changed. */
async function mutated(name: string, module: string, from: string, to: string): Promise<Modules> {
  const root = path(`mutant-${mutants++}`);
  await mkdir(join(root, 'model/integer'), { recursive: true });
  await symlink(join(DIST, 'protocol'), join(root, 'protocol'));
  for (const part of await readdir(join(DIST, 'model/integer'))) {
    const copy = join(root, 'model/integer', part);
    if (part.endsWith('.js')) await copyFile(join(DIST, 'model/integer', part), copy);
  }
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  const file = join(root, `model/integer/${module}.js`);
  const text = await readFile(file, 'utf8');
  expect(text, `${name}: ${module} has no «${from}»`).toContain(from);
  await writeFile(file, text.replace(from, to));
  const load = async <T>(part: string): Promise<T> =>
    (await import(pathToFileURL(join(root, `model/integer/${part}.js`)).href)) as T;
  return {
    bitlinear: await load('bitlinear'),
    channels: await load('channels'),
    fixedPoint: await load('fixed-point'),
    sampler: await load('sampler'),
    sigmoid: await load('sigmoid'),
  };
}

/** The first line that the modules compute otherwise, as file and line. */
function firstDifference(modules: Modules): string | undefined {
  for (const { name, lines } of VECTORS) {
    const index = lines.findIndex((line, at) => !agrees(modules, name, line, at));
    if (index >= 0) return `${name}:${index + 1}`;
  }
  return undefined;
}

function agrees(modules: Modules, name: string, line: string, index: number): boolean {
  if (name === 'trits.hex') return true;
  if (name === 'bitlinear.jsonl') return productAgrees(modules, line);
  if (name === 'sampler.jsonl') return choiceAgrees(modules, line);
  const { mul15, roundShift, integerSquareRoot, sat16, sat31 } = modules.fixedPoint;
  const { nextState, gatedState, gatedLinearUnit, addToResidual } = modules.channels;
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = line.split(' ').map(signedHex);
  switch (name) {
    case 'mul15.hex':
      return mul15(a, b) === c;
    case 'rsh.hex':
      return roundShift(a, b) === c;
    case 'isqrt.hex':
      return integerSquareRoot(a) === b;
    case 'sat.hex':
      return sat16(a) === b && sat31(a) === c;
    case 'sigmoid.hex':
      return modules.sigmoid.sigmoid(SIGMA, (index << 16) >> 16) === a;
    case 'state.hex':
      return nextState(SIGMA, a, b, c, d) === e;
    case 'gate.hex':
      return gatedState(SIGMA, a, b, c) === d;
    case 'glu.hex':
      return gatedLinearUnit(SIGMA, a, b) === c;
    case 'residual.hex':
      return addToResidual(a, b) === c;
    default:
      throw new RangeError(`no check for ${name}`);
  }
}

function signedHex(digits: string): number {
  const value = Number.parseInt(digits, 16);
  return digits.length === 2 ? value : value >= 2 ** (4 * digits.length - 1) ? value - 2 ** (4 * digits.length) : value;
}

function productAgrees({ bitlinear }: Modules, line: string): boolean {
  const { rows, columns, v, epsilon, gain, mm, em, weights, n, sum, q, mantissa, exponent, out } = JSON.parse(line);
  const unit = new bitlinear.BitLinearUnit(columns);
  const result = new Int32Array(Math.ceil(rows / 5) * 5);
  const matrix = { rows, columns, bytes: () => new Uint8Array(Buffer.from(weights, 'hex')) };
  unit.setInput(Int32Array.from(v), columns, epsilon);
  unit.multiply({ matrix, gain: Int16Array.from(gain), scaleMantissa: mm, scaleExponent: em }, result);
  const { normalised, sumOfSquares, quantised, scale } = unit.inspect();
  const found = { n: [...normalised], sum: sumOfSquares, out: [...result.subarray(0, rows)] };
  const steps = q === undefined ? {} : { q: [...quantised], mantissa: scale.mantissa, exponent: scale.exponent };
  const expected = { n, sum, out, ...(q !== undefined && { q, mantissa, exponent }) };
  return JSON.stringify({ ...found, ...steps }) === JSON.stringify(expected);
}

function choiceAgrees({ sampler }: Modules, line: string): boolean {
  const { logits, index, id, ...s } = JSON.parse(line);
  const settings = {
    topK: s.top_k,
    invTemperature: s.inv_temperature,
    topP: s.top_p,
    seedLow: s.seed_low,
    seedHigh: s.seed_high,
  };
  return new sampler.Sampler(exp2Table()).choose(Int32Array.from(logits), settings, index) === id;
}
