/**
 * Long runs of whole simulated chips, whose figures are in docs/PERFORMANCE.md:
 * `node gateware/measure.mjs WHAT [OPTIONS]`, after `npm run build`.
 *
 *   tales    [--chip icebreaker] [--tokens 200]   the shipped model over UART and command line, each receipt checked
 *   random [--chip icebreaker] [--tokens 20] small models of odd sizes, plausible and extreme; receipts, taps and
 *   sampled runs checked wide [--chip axi-512] [--layers 24] a model of the shape of 370M on a wide port, receipts
 *   checked frames [--chip icebreaker] [--frames 100000] damaged and random frames; the chip must answer the next good
 *   one
 *
 * Prints clocks of a token, their split by instruction (the sequencer's place), and the use of the memory port.
 */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cli = join(root, 'dist/cli/main.js');
const SHIPPED = join(root, 'models/tales-9m/tales-9m.mmfree');

const { values, positionals } = parseArgs({
  options: {
    chip: { type: 'string' },
    tokens: { type: 'string' },
    layers: { type: 'string', default: '24' },
    frames: { type: 'string', default: '100000' },
  },
  allowPositionals: true,
});
const [what = ''] = positionals;
const folder = mkdtempSync(join(tmpdir(), 'mmfree-gateware-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

const works = { tales, random, wide, frames };
if (!(what in works)) {
  console.error(`one of these must be measured: ${Object.keys(works).join(', ')}`);
  process.exit(2);
}
const startMs = performance.now();
await works[what]();
console.log(`${((performance.now() - startMs) / 1000).toFixed(0)} s`);

async function tales() {
  const chip = values.chip ?? 'icebreaker';
  const tokens = values.tokens ?? '200';
  await withBoard(chip, SHIPPED, (selector) => {
    // Greedy, so that a tale is as long as it is asked to be.
    const run = mmfree(
      'run',
      '--board',
      selector,
      '--check',
      '--temperature',
      '0',
      '--max-tokens',
      tokens,
      'Once upon a time',
    );
    console.log(`${chip}: ${run.receipts_checked} tokens, each receipt equal (${run.finish})`);
  });
  await report(chip);
}

async function random() {
  const chip = values.chip ?? 'icebreaker';
  execute(process.execPath, [join(root, 'scripts/gateware-images.mjs'), '-o', folder, '--tokens', '1']);
  // Odd sizes need a port of one byte.
  const images = readdirSync(folder).filter((name) => name.endsWith('.mmfree'));
  if (images.length === 0) throw new Error('scripts/gateware-images.mjs wrote no images');
  for (const name of images) {
    const image = join(folder, name);
    await withBoard(chip, image, (selector) => {
      const { tokens } = mmfree('verify', '--board', selector, '--image', image, '--tokens', values.tokens ?? '20');
      console.log(`${chip}, ${name}: ${tokens ?? ''} receipts and taps equal`);
    });
  }
}

async function wide() {
  const chip = values.chip ?? 'axi-512';
  const image = join(folder, 'wide.mmfree');
  const { PUBLISHED_SHAPES, writeSynthetic } = await import('../dist/cli/work/bench/synthetic-checkpoint.js');
  const silent = { progress: () => ({ update: () => {}, end: () => {} }) };
  const shape = { ...PUBLISHED_SHAPES['370M'], num_hidden_layers: Number(values.layers) };
  await writeSynthetic(folder, shape, silent, new AbortController().signal);
  execute(process.execPath, [cli, 'pack', folder, '-o', image]);
  await withBoard(chip, image, (selector) => {
    const run = mmfree(
      'run',
      '--board',
      selector,
      '--image',
      image,
      '--check',
      '--ids',
      '--temperature',
      '0',
      '--max-tokens',
      values.tokens ?? '2',
      '1',
    );
    console.log(`${chip}, 370M with ${values.layers} layers: ${run.receipts_checked} tokens, each receipt equal`);
  });
  await report(chip);
}

/** Frames of a real session, damaged, and noise. After each thousand of them a host must get its session. */
async function frames() {
  const chip = values.chip ?? 'icebreaker';
  const { encodeFrame } = await import('../dist/protocol/wire/frame.js');
  const { synPayload } = await import('../dist/protocol/wire/opening.js');
  const { FrameReader } = await import('../dist/protocol/wire/frame-reader.js');
  const draw = generator(1);
  execute(process.execPath, [
    join(root, 'scripts/gateware-images.mjs'),
    '-o',
    folder,
    '--tokens',
    '1',
    '--only',
    'h12',
  ]);
  const image = readdirSync(folder).find((name) => name.endsWith('.mmfree'));
  const program = mmfree('gateware', 'sim', '--chip', chip).program;
  const child = spawn(program, [`+image=${join(folder, image)}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  const reader = new FrameReader();
  const heard = [];
  let wake = () => {};
  child.stdout.on('data', (bytes) => {
    for (const event of reader.feed(bytes)) if (event.kind === 'frame') heard.push(event.frame);
    wake();
  });
  child.once('close', (code) => {
    if (code !== 0) throw new Error(`the simulator ended with ${code}`);
  });
  const write = (bytes) => new Promise((resolve) => child.stdin.write(bytes, resolve));
  const total = Number(values.frames);
  const frame = (fields) =>
    encodeFrame({
      type: 0,
      sequence: 0,
      acknowledge: 0,
      window: 0,
      again: false,
      payload: new Uint8Array(0),
      ...fields,
    });
  const syn = (nonce) => frame({ kind: 'syn', window: 32, payload: synPayload(nonce) });
  const data = (type, payload) =>
    frame({ kind: 'data', type, sequence: draw(256), acknowledge: draw(3), window: draw(33), payload });
  const good = [
    () => syn(draw(2 ** 32)),
    () => data(0x11, Uint8Array.of(draw(2), draw(65), 0, 0, draw(40), 0, 0, 0)),
    () => data(0x10, new Uint8Array(0)),
    () =>
      data(
        draw(256),
        Uint8Array.from({ length: draw(40) }, () => draw(256)),
      ),
    () => frame({ kind: 'ack', acknowledge: draw(256), window: draw(33), again: draw(2) === 1 }),
    () => frame({ kind: 'end' }),
  ];
  let sent = 0;
  let answered = 0;
  while (sent < total) {
    for (let k = 0; k < 1000 && sent < total; k++, sent++) {
      const line = good[draw(good.length)]().slice();
      for (let damage = draw(3); damage > 0; damage--) line[draw(line.length)] ^= 1 << draw(8);
      await write(draw(8) === 0 ? line.subarray(0, draw(line.length)) : line);
    }
    const nonce = draw(2 ** 32);
    heard.length = 0;
    const has = () =>
      heard.some(
        ({ kind, payload }) =>
          kind === 'syn-ack' && new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0, true) === nonce,
      );
    for (let attempt = 0; !has(); attempt++) {
      if (attempt === 30) throw new Error(`after ${sent} frames the chip does not answer`);
      await write(Buffer.concat([Buffer.of(0), syn(nonce)]));
      await new Promise((resolve) => {
        wake = () => has() && resolve();
        setTimeout(resolve, 1000);
      });
    }
    answered++;
    process.stderr.write(`\r${sent} frames, ${answered} sessions `);
  }
  child.stdin.end();
  console.log(`\n${chip}: ${sent} damaged frames, ${answered} of ${answered} sessions opened in between`);
}

/** Reproducible numbers below `limit`: xorshift32. */
function generator(seed) {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * limit);
  };
}

async function withBoard(chip, image, work) {
  const stats = join(folder, 'stats');
  const args = [cli, '--json', 'virtual-board', '--rtl', chip, '--image', image, '--rtl-stats', stats];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  process.once('exit', () => child.kill());
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line);
      if (event.type === 'result') throw new Error(line);
      if (event.type !== 'ready') continue;
      work(event.addresses[0]);
      return;
    }
    throw new Error('the board ended before it was ready');
  } finally {
    child.kill('SIGINT');
    await ended;
  }
}

/** @returns the result of a command that must succeed */
function mmfree(...args) {
  const output = execute(process.execPath, [cli, '--json', ...args]);
  return JSON.parse(output.trimEnd().split('\n').at(-1));
}

function execute(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stdout.slice(-2000)}${stderr.slice(-2000)}`);
  return stdout;
}

/** The mean over tokens. */
async function report(chip) {
  const tokens = readFileSync(join(folder, 'stats'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const mean = (of) => tokens.reduce((sum, token) => sum + of(token), 0) / tokens.length;
  const clocks = mean((token) => token.clocks);
  const beats = mean((token) => token.beats);
  // Single rate moves a byte in two clocks.
  const beatClocks = chip === 'icebreaker' ? 2 : 1;
  const megahertz = chip.startsWith('axi') ? 250 : 24;
  console.log(
    `${tokens.length} tokens: ${Math.round(clocks)} clocks, ${Math.round(beats)} beats, ${((100 * beats * beatClocks) / clocks).toFixed(2)} % of the port; ${((megahertz * 1e6) / clocks).toFixed(2)} tokens/s at ${megahertz} MHz`,
  );
  // Every image has the same program.
  const { MODEL_PROGRAM } = await import('../dist/model/program/model-program.js');
  const { decodeInstruction } = await import('../dist/model/program/instruction-set.js');
  const operationAt = (address) => decodeInstruction(MODEL_PROGRAM[address] ?? 0)?.operation ?? '';
  const rows = new Map();
  for (const [address, at, moved] of tokens.at(-1).instructions) rows.set(address, { at, moved });
  console.log('  at  instruction      clocks   without a beat');
  for (const [address, { at, moved }] of rows) {
    const idle = at - moved * beatClocks;
    if (at >= 1000)
      console.log(
        `  ${String(address).padStart(2)}  ${operationAt(address).padEnd(12)} ${String(at).padStart(10)} ${String(Math.max(0, idle)).padStart(10)}`,
      );
  }
}
