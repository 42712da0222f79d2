/**
 * `node scripts/bench-pico.mjs [IMAGE [MEGABYTES [MHZ]]]`: what a token takes on an RP2040, by function, in Markdown.
 *
 * The firmware is built (Arm's GCC), and runs in the emulator of `mmfree virtual-board --pico` (`npm run build`) from a
 * flash of so many megabytes, 2 if not said, that has no log of slots: so it makes the self-test of the image, which is
 * timed. tales-4m if no image is given; the usual clock if none is.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildFirmware } from '../dist/firmware-host/tools/build-firmware.js';
import { memoryStore } from '../dist/firmware-host/firmware/flash/flash-store.js';
import { PicoChip } from '../dist/firmware-host/virtual/pico/pico-chip.js';
import { IMAGE_OFFSET, picoFlash } from '../dist/firmware-host/virtual/pico/pico-flash.js';
import { root } from './setup.mjs';

/** Tokens that are not counted, as the cache and the ring are empty, and tokens that are. */
const FIRST_TOKENS = 2;
const TOKENS = 4;
const SAMPLE_CYCLES = 1009;
const SHOWN = 16;

const [image = join(root, 'models/tales-4m/tales-4m.mmfree'), megabytes = '2', mhz] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'mmfree-bench-pico-'));
try {
  const { file, elf } = await buildFirmware('rp2040', folder, { mhz });
  report(measure(readFileSync(file), functionsOf(elf)));
} finally {
  rmSync(folder, { recursive: true });
}

/** Functions by address, ascending. */
function functionsOf(elf) {
  const lines = execFileSync('arm-none-eabi-nm', ['-n', elf]).toString().split('\n');
  const symbols = lines
    .map((line) => line.split(' '))
    .filter(([, kind, name]) => /^[tT]$/.test(kind ?? '') && !/_(start|end|top)$/.test(name));
  return symbols.map(([address, , name]) => ({ address: parseInt(address, 16), name }));
}

function measure(firmware, functions) {
  const flash = picoFlash(firmware, undefined, Number(megabytes) * 2 ** 20);
  flash.set(readFileSync(image), IMAGE_OFFSET);
  const chip = new PicoChip({ flash: memoryStore(flash), onUart: () => {} });
  const step = functions.find(({ name }) => name === 'mmf_model_step').address;
  const starts = [];
  chip.onCall = (address) => {
    if (address === step) starts.push(chip.cycles);
  };
  const samples = [new Map(), new Map()];
  while (starts.length <= FIRST_TOKENS + TOKENS) {
    chip.run(SAMPLE_CYCLES);
    if (starts.length <= FIRST_TOKENS) continue;
    for (const [core, place] of chip.places.entries()) {
      const name = functions.findLast(({ address }) => address <= place)?.name ?? '?';
      samples[core].set(name, (samples[core].get(name) ?? 0) + 1);
    }
  }
  return {
    samples,
    clockHz: chip.clockHz,
    started: starts[0],
    cycles: (starts.at(-1) - starts[FIRST_TOKENS]) / TOKENS,
  };
}

function report({ samples, clockHz, started, cycles }) {
  const seconds = (started / clockHz).toFixed(2);
  const rate = (clockHz / cycles).toFixed(2);
  process.stdout.write(
    `${clockHz / 1e6} MHz, ${Math.round(cycles)} cycles a token: ${rate} tokens/s; the first one after ${seconds} s\n\n`,
  );
  process.stdout.write('| function | core 0 | core 1 |\n| --- | ---: | ---: |\n');
  const all = samples.map((counts) => [...counts.values()].reduce((sum, count) => sum + count, 0));
  const shareOf = (core, name) => (samples[core].get(name) ?? 0) / all[core];
  const names = [...new Set(samples.flatMap((counts) => [...counts.keys()]))];
  const ordered = names.toSorted((a, b) => shareOf(0, b) + shareOf(1, b) - shareOf(0, a) - shareOf(1, a));
  for (const name of ordered.slice(0, SHOWN)) {
    const columns = [0, 1].map((core) => Math.round((shareOf(core, name) * cycles) / 1000));
    process.stdout.write(`| \`${name}\` | ${columns.join(' | ')} |\n`);
  }
  process.stdout.write('\nThousands of cycles a token.\n');
}
