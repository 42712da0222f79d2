import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, mmfree, mmfreeJson, temporaryFolder } from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { tinyImage, tinySections } from '../../helpers/tiny-image.js';
import { bitLinear, normalise } from '../../oracle/bit-linear.js';
import { BigIntModel } from '../../oracle/bigint-model.js';
import { oracleSample } from '../../oracle/bigint-sampler.js';
import { mul15, rsh, sat } from '../../oracle/primitives.js';
import { sigma } from '../../oracle/tables.js';

const path = temporaryFolder();
const FILES = (
  'mul15.hex rsh.hex isqrt.hex sat.hex sigmoid.hex trits.hex ' +
  'state.hex gate.hex glu.hex residual.hex bitlinear.jsonl sampler.jsonl'
).split(' ');

beforeAll(() => writeFile(path('tiny.mmfree'), tinyImage()));

/** Command line that writes into `folder`. */
function into(folder: string, ...args: string[]): string[] {
  const small = ['--image', path('tiny.mmfree'), '--count', '50', '--tokens', '10'];
  return ['vectors', '-o', path(folder), ...small, ...args];
}

async function linesOf(folder: string, name: string): Promise<string[]> {
  return (await readFile(join(path(folder), name), 'utf8')).trimEnd().split('\n');
}

describe('the vectors', () => {
  let result: Record<string, unknown>;
  beforeAll(async () => {
    ({ result } = await mmfreeJson(...into('vectors')));
  });

  const lines = (name: string): Promise<string[]> => linesOf('vectors', name);
  /** Fields of a line of a .hex file. */
  const signed = (line: string): bigint[] =>
    line.split(' ').map((hex) => BigInt.asIntN(4 * hex.length, BigInt(`0x${hex}`)));
  const unsigned = (line: string): bigint[] => line.split(' ').map((hex) => BigInt(`0x${hex}`));

  it('are listed in an index', async () => {
    expect(result).toMatchObject({ exit: 0, folder: path('vectors'), files: [...FILES, 'tokens.jsonl'] });
    expect((await readdir(path('vectors'))).toSorted()).toEqual([...FILES, 'tokens.jsonl', 'index.txt'].toSorted());
    const index = await lines('index.txt');
    for (const name of [...FILES, 'tokens.jsonl']) {
      const length = (await lines(name)).length;
      expect(index.find((line) => line.startsWith(name))).toMatch(new RegExp(`^\\S+: ${length} lines: .+`));
    }
  });

  it('of mul15 are what the oracle computes', async () => {
    const all = await lines('mul15.hex');
    expect(all).toHaveLength(70 + 50);
    for (const [a = 0n, b = 0n, product] of all.map(signed)) expect(mul15(a, b)).toBe(product);
  });

  it('of rsh are what the oracle computes', async () => {
    const all = await lines('rsh.hex');
    expect(all).toHaveLength(330 + 50);
    for (const [a = 0n, s = 0n, shifted] of all.map(signed)) expect(rsh(a, s)).toBe(shifted);
  });

  it('of isqrt are the whole parts of the roots', async () => {
    for (const [a = 0n, root = 0n] of (await lines('isqrt.hex')).map(unsigned)) {
      expect(root * root <= a && a < (root + 1n) * (root + 1n)).toBe(true);
    }
  });

  it('of sigmoid are all that there are, as the oracle computes them', async () => {
    const all = (await lines('sigmoid.hex')).map((line) => unsigned(line)[0]);
    expect(all).toHaveLength(65_536);
    const expected = Array.from({ length: 65_536 }, (_, p) => sigma(BigInt.asIntN(16, BigInt(p))));
    expect(all).toEqual(expected);
  });

  it('of trits are the digits of each byte', async () => {
    const all = await lines('trits.hex');
    expect(all).toHaveLength(243);
    const reversed = (digits: string): string => digits.split('').toReversed().join('');
    all.forEach((digits, byte) => expect(Number.parseInt(reversed(digits), 3)).toBe(byte));
  });

  it('of saturation, of channels and of what is added are what the oracle computes', async () => {
    for (const [a = 0n, short, long] of (await lines('sat.hex')).map(signed)) {
      expect([sat(a, 16n), sat(a, 31n)]).toEqual([short, long]);
    }
    for (const [h = 0n, i = 0n, f = 0n, clb = 0n, next] of (await lines('state.hex')).map(signed)) {
      const input = sat(i, 16n);
      const complement = (sigma(sat(-sat(f, 16n) * 8n, 16n)) * clb + 2n ** 14n) >> 15n;
      expect(h + mul15(input * sigma(sat(input * 8n, 16n)) - h, complement)).toBe(next);
    }
    for (const [h = 0n, g = 0n, norm = 0n, v] of (await lines('gate.hex')).map(signed)) {
      expect(mul15(mul15(h, sigma(sat(rsh(h, 12n), 16n))), (g * norm + 2n ** 14n) >> 15n)).toBe(v);
    }
    for (const [gate = 0n, up = 0n, z] of (await lines('glu.hex')).map(signed)) {
      const factor = up < -32767n ? -32767n : sat(up, 16n);
      expect(mul15(sat(gate, 16n) * sigma(sat(sat(gate, 16n) * 8n, 16n)), factor)).toBe(z);
    }
    for (const [x = 0n, out = 0n, sum] of (await lines('residual.hex')).map(signed)) {
      expect(sat(x + sat(out, 31n), 31n)).toBe(sum);
    }
  });

  it('of the BitLinear unit are what the oracle computes', async () => {
    const all = await lines('bitlinear.jsonl');
    expect(all).toHaveLength(10 + 50);
    for (const line of all) {
      const { rows, columns, v, epsilon, gain, mm, em, weights, out } = JSON.parse(line);
      const bytes = Buffer.from(weights, 'hex');
      // Rows that the matrix does not have hold zeros, as in an image.
      const missing = 5 * Math.ceil(rows / 5) - rows;
      for (const byte of bytes.subarray(-columns)) {
        expect(Math.floor(byte / 3 ** (5 - missing))).toBe((3 ** missing - 1) / 2);
      }
      const trits = Int8Array.from({ length: rows * columns }, (_, at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        const byte = bytes[Math.floor(row / 5) * columns + column] ?? 0;
        return (Math.floor(byte / 3 ** (row % 5)) % 3) - 1;
      });
      const scale = { mm: BigInt(mm), em: BigInt(em) };
      const product = { scale, gain: gain.map(BigInt), matrix: { rows, columns, trits } };
      const events = { zeroVector: 0, scaleSaturated: 0, shiftedOut: 0, lowestN: 0 };
      expect(bitLinear(normalise(v.map(BigInt), BigInt(epsilon)), product, events).map(Number)).toEqual(out);
    }
  });

  it('of the sampler are what the oracle chooses', async () => {
    const all = await lines('sampler.jsonl');
    expect(all).toHaveLength(30 + 50);
    for (const line of all) {
      const { logits, index, id, ...s } = JSON.parse(line);
      const settings = {
        topK: s.top_k,
        invTemperature: s.inv_temperature,
        topP: s.top_p,
        seedLow: s.seed_low,
        seedHigh: s.seed_high,
      };
      expect(oracleSample(logits.map(BigInt), settings, index)).toBe(id);
    }
  });

  it('of whole tokens are what the oracle computes', async () => {
    const oracle = new BigIntModel(tinySections());
    const hex = (value: number): string => value.toString(16).padStart(8, '0');
    const all = await lines('tokens.jsonl');
    expect(all).toHaveLength(10);
    all.forEach((line, position) => {
      const { token, ...recorded } = JSON.parse(line);
      const { taps, receipt } = oracle.step(token);
      expect(recorded).toEqual({ position, taps: taps.map(hex), receipt: hex(receipt) });
    });
  });
});

it('writes a trace of the first tokens if it is asked for one', async () => {
  const { result } = await mmfreeJson(...into('traced', '--trace', '2'));
  expect(result['files']).toContain('trace.txt');
  const trace = await linesOf('traced', 'trace.txt');
  const receipts = trace.filter((line) => line.startsWith('receipt ')).map((line) => line.split(' ').at(-1));
  const tokens = (await linesOf('traced', 'tokens.jsonl')).map((line) => JSON.parse(line));
  expect(receipts).toEqual(tokens.slice(0, 2).map(({ receipt }) => receipt));
  const index = await linesOf('traced', 'index.txt');
  expect(index).toContainEqual(expect.stringMatching(`^trace.txt: ${trace.length} lines: `));
});

it('writes the same for the same seed, over what is there, and something else for another', async () => {
  const all = (): Promise<string[][]> =>
    Promise.all(['mul15.hex', 'sampler.jsonl', 'tokens.jsonl'].map((name) => linesOf('seeds', name)));
  await mmfree(...into('seeds', '--seed', '5'));
  const first = await all();
  await mmfree(...into('seeds', '--seed', '6'));
  const other = await all();
  await mmfree(...into('seeds', '--seed', '5'));
  expect(await all()).toEqual(first);
  other.forEach((file, index) => expect(file).not.toEqual(first[index]));
});

it('leaves no index beside files of which only some are new, when it is interrupted', async () => {
  await mmfree(...into('interrupted'));
  const process = new FakeProcess();
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (line, onWritten) => {
    write(line, onWritten);
    if (line.includes('"name":"mul15.hex"')) process.interrupt();
  };
  const { exit } = await process.run(COMMANDS, '--json', ...into('interrupted', '--tokens', '1000000'));
  expect(exit).toBe(130);
  expect(await readdir(path('interrupted'))).not.toContain('index.txt');
});

it.each([
  // Node 20 never returned from a recursive mkdir there.
  ['in /proc', '/proc/mmfree'],
  ['below a folder that is not there', '/no/such/folder'],
  ['at a file', undefined],
])('ends with an error for a folder %s', async (_title, folder) => {
  const output = folder ?? path('tiny.mmfree');
  const { exit, stderr } = await mmfree('vectors', '--image', path('tiny.mmfree'), '-o', output);
  expect([exit, stderr.lines[0]?.startsWith(`error: ${output}`)]).toEqual([2, true]);
});
