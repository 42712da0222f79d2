/**
 * An ESTIMATE of the energy of a token on the iCEBreaker: `node gateware/energy.mjs [--tokens 2]`, after
 * `npm run build`. No board was measured.
 *
 * Counted in the simulated chip, in samples all over the tokens: how often each signal of the RTL changes, products of
 * the multipliers, accesses of memories, changes on the pins of the flash. Each is given an energy:
 *
 *   signal 0.20 pJ from currents measured on an iCE40UP5K by tinyVision.ai (github.com/tinyvision-ai-inc/ice40_power):
 *   7 more 28-bit counters,
 *                        14 changes a clock, take 27.8 µA more at 1.219 V and 12 MHz; the clock of their flip-flops is
 *                        in it. Times 3 for longer nets and for what flickers before it settles, which RTL does not
 *                        show: 8 × 8 multiplied in LUTs takes 36 pJ there
 *   multiplier  24 pJ    same source: 237 µA more at 12 MHz for one product a clock with its registers
 *   clock       1.30 mW  same source, 24 MHz: 1,162 µA with 28 flip-flops, less the 92 µA of a halted clock
 *   static      0.11 mW  same source: those 92 µA
 *   memories    10 pJ an access of an EBR, 20 pJ of an SPRAM: assumed, no figure found
 *   pins        82 pJ    a change of 15 pF at 3.3 V (C·V²/2)
 *   flash 15 mA at 3.3 V while it is read: what data sheets of the W25Q128JV give as the most for quad reads at up to
 *   50 MHz
 */

import { spawn, spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cli = join(root, 'dist/cli/main.js');
const IMAGE = join(root, 'models/tales-9m/tales-9m.mmfree');
const CLOCK_HZ = 24_000_000;
/** Clocks of which the waveform is written. */
const SAMPLE = '64/16384';

const PICO = 1e-12;
const SIGNAL_JOULES = 3 * 0.2 * PICO;
const PRODUCT_JOULES = 24 * PICO;
const EBR_JOULES = 10 * PICO;
const SPRAM_JOULES = 20 * PICO;
const PIN_JOULES = 82 * PICO;
const CLOCK_WATTS = 1.3e-3;
const STATIC_WATTS = 0.11e-3;
const FLASH_WATTS = 3.3 * 0.015;

/**
 * Of a token of tales-9m: products as in docs/ARITHMETIC.md, section 11; an activation for each byte of weights, and
 * what the vector unit reads and writes.
 */
const PRODUCTS = 176_000;
const EBR_ACCESSES = 1_572_864 + 400_000;
const SPRAM_ACCESSES = 200_000;

const { values } = parseArgs({ options: { tokens: { type: 'string', default: '2' } } });
const folder = mkdtempSync(join(tmpdir(), 'mmfree-energy-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const built = spawnSync(process.execPath, [cli, 'gateware', 'sim', '--json', '--chip', 'icebreaker', '--trace'], {
  encoding: 'utf8',
});
if (built.status !== 0) throw new Error(built.stderr);
const { program } = JSON.parse(built.stdout.trim().split('\n').at(-1));
const vcd = join(folder, 'token.vcd');
const stats = join(folder, 'stats.jsonl');
await computeTokens(Number(values.tokens));
const tokens = readFileSync(stats, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const clocks = tokens.reduce((sum, token) => sum + token.clocks, 0) / tokens.length;
report(await countChanges());

async function computeTokens(count) {
  const { BoardSession } = await import('../dist/device/session.js');
  const { STEP, STEPPED } = await import('../dist/protocol/wire/messages-run.js');
  const child = spawn(program, [`+image=${IMAGE}`, '--stats', stats, '--vcd', vcd, '--sample', SAMPLE], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const session = await BoardSession.open({
    name: 'the simulated chip',
    isReady: true,
    start: ({ onData, onLost }) => {
      child.stdout.on('data', onData);
      child.once('close', () => onLost('The simulator ended.'));
    },
    write: (bytes) => child.stdin.write(bytes),
    close: async () => child.stdin.end(),
  });
  for (let token = 0; token < count; token++) await session.request(STEP, { taps: 0, candidates: 1, token }, STEPPED);
  await session.close();
  const code = await ended;
  if (code !== 0) throw new Error(`the simulator ended with ${code}`);
}

/** Goes through the waveform once. */
async function countChanges() {
  const names = new Map();
  const scopes = [];
  const last = new Map();
  const changes = new Map();
  let sampled = 0;
  let time = -2;
  let isFirst = true;
  const add = (code, bits) => {
    const name = names.get(code);
    if (name === undefined) return;
    const before = last.get(code);
    last.set(code, bits);
    if (isFirst || before === undefined) return;
    let count = 0;
    const width = Math.max(bits.length, before.length);
    // Leading zeros are left out in the file.
    const [a, b] = [bits.padStart(width, '0'), before.padStart(width, '0')];
    for (let k = 0; k < width; k++) count += a[k] === b[k] ? 0 : 1;
    changes.set(name, (changes.get(name) ?? 0) + count);
  };
  for await (const line of createInterface({ input: createReadStream(vcd) })) {
    const first = line.trimStart()[0];
    if (first === '$') {
      const words = line.trim().split(/\s+/);
      if (words[0] === '$scope') scopes.push(words[2]);
      else if (words[0] === '$upscope') scopes.pop();
      // One code is one signal, whatever its names.
      else if (words[0] === '$var' && !names.has(words[3]) && !words[4].endsWith('clock'))
        names.set(words[3], [...scopes.slice(1), words[4]].join('.'));
    } else if (first === '#') {
      const now = Number(line.slice(1));
      // A sample begins after a gap: what changed in the gap does not count.
      isFirst = now - time > 1;
      if (!isFirst) sampled += (now - time) / 2;
      time = now;
    } else if (first === 'b') {
      const [bits, code] = line.slice(1).split(' ');
      add(code, bits);
    } else if (first === '0' || first === '1') add(line.slice(1), line[0]);
  }
  return { changes, sampled };
}

function report({ changes, sampled }) {
  const perClock = (test) => [...changes].reduce((sum, [name, count]) => sum + (test(name) ? count : 0), 0) / sampled;
  const of = (text) => (name) => name.includes(text);
  const parts = [
    ['product, output', (name) => /u_core\.(product|out|matmul|q_data|value|back)/.test(name)],
    ['vector unit', of('u_core.vector.')],
    ['rest of the core', (name) => /u_core\.(?!product|out|matmul|q_data|value|back|vector\.)/.test(name)],
    ['link, results, boot', (name) => name.includes('u_chip.') && !name.includes('u_core.')],
    ['read port', of('u_port.')],
  ];
  const seconds = clocks / CLOCK_HZ;
  const watts = [];
  const line = (label, facts, power) => {
    watts.push(power);
    console.log(`  ${label.padEnd(22)} ${facts.padStart(24)} ${(power * 1e3).toFixed(2).padStart(8)} mW`);
  };
  const integer = (value) => Math.round(value).toLocaleString('en-US');
  console.log(
    `ESTIMATE. ${integer(clocks)} clocks a token at ${CLOCK_HZ / 1e6} MHz; ${integer(sampled)} clocks sampled`,
  );
  for (const [label, test] of parts) {
    const value = perClock(test);
    line(label, `${value.toFixed(1)} changes a clock`, value * CLOCK_HZ * SIGNAL_JOULES);
  }
  line('multipliers', `${integer(PRODUCTS)} a token`, (PRODUCTS * PRODUCT_JOULES) / seconds);
  line(
    'memories',
    `${integer(EBR_ACCESSES + SPRAM_ACCESSES)} a token`,
    (EBR_ACCESSES * EBR_JOULES + SPRAM_ACCESSES * SPRAM_JOULES) / seconds,
  );
  line('clock', '', CLOCK_WATTS);
  line('static', '', STATIC_WATTS);
  const pins = perClock((name) => /^\w+\.(lines|pin_sck)$/.test(name));
  line('pins of the flash', `${pins.toFixed(2)} changes a clock`, pins * CLOCK_HZ * PIN_JOULES);
  line('flash, reading', '', FLASH_WATTS);
  const total = watts.reduce((sum, power) => sum + power, 0);
  console.log(
    `  ${(total * 1e3).toFixed(1)} mW, ${(1 / seconds).toFixed(2)} tokens/s, ${(total * seconds * 1e3).toFixed(1)} mJ a token`,
  );
}
