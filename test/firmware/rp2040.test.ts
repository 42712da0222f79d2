/**
 * The binary for RP2040, instruction by instruction, over its UART: what it computes, and that it is what the sources
 * give.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mmfreeJson, temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { RAM } from '../../firmware-host/virtual/pico/bus.js';
import { CLOCK_HZ, PicoChip } from '../../firmware-host/virtual/pico/pico-chip.js';
import { picoFlash } from '../../firmware-host/virtual/pico/pico-flash.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import { synPayload } from '../../protocol/wire/opening.js';
import { startEmulatedPico } from '../helpers/emulated-pico.js';
import { frameOf } from '../helpers/frames.js';
import { goodImage, goodImageOf } from '../helpers/good-image.js';
import { PicoHost } from '../helpers/pico-host.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BINARY = readFileSync(join(ROOT, 'firmware/prebuilt/rp2040.bin'));
const SMALL_TALES_IMAGE = join(ROOT, 'models/tales-4m/tales-4m.mmfree');
const TOKENS = 200;
const WATCHDOG_S = 4.1;
const STEP_NS = 200_000;
const TICKS = 100;
/** Of a second, in which there are so many ticks. */
const MOST_AWAKE = 0.01;
/** More than the ring holds, in pieces of 4 columns at its end; more than 256 columns. */
const STREAMED = { ...TINY_SHAPE, vocabSize: 211, hiddenSize: 92, intermediateSize: 268 };
const hasCompiler = spawnSync('arm-none-eabi-gcc', ['--version']).status === 0;

describe('the binary for RP2040', () => {
  const at = temporaryFolder();

  it.skipIf(!hasCompiler)('is what Debian’s compiler makes of the sources', async () => {
    const { exit, result } = await mmfreeJson('firmware', 'build', '-o', at('built.bin'));
    expect(exit).toBe(0);
    expect(result).toMatchObject({ chip: 'rp2040', bytes: BINARY.length, is_shipped: true, warnings: [] });
    expect(readFileSync(at('built.bin')).equals(BINARY)).toBe(true);
  });

  it.skipIf(!hasCompiler)('has 200 MHz if it is built so, and the same baud rate', { timeout: 120_000 }, async () => {
    const { result } = await mmfreeJson('firmware', 'build', '--mhz', '200', '-o', at('fast.bin'));
    expect(result).toMatchObject({ exit: 0, is_shipped: false, warnings: [] });
    const fast = readFileSync(at('fast.bin'));
    const host = new PicoHost(memoryStore(picoFlash(fast, goodImage(1))));
    expect(host.hello()).toMatchObject({ firmware: '1 at 200 MHz' });
    expect([host.chip.clockHz, Math.round(host.chip.baud / 100)]).toEqual([200e6, 1152]);
    if (count(0, 1) === 0) return;
    const image = goodImageOf(tinySections(1, STREAMED));
    writeFileSync(at('tiny.mmfree'), image);
    const pico = await startEmulatedPico(fast, image);
    const options = ['--board', pico.selector, '--image', at('tiny.mmfree'), '--tokens', '200'];
    const verified = await mmfreeJson('verify', ...options);
    await pico.stop();
    expect(verified.exit).toBe(0);
    figure('firmware for RP2040 at 200 MHz: tokens equal', String(verified.result['tokens']));
  });

  it.each([
    ['alone, where rows are no whole words', goodImage(1)],
    ['with both processors, from the stream of weights', goodImageOf(tinySections(1, STREAMED))],
  ])('computes as the reference does, %s', { timeout: 120_000 }, async (_, image) => {
    writeFileSync(at('tiny.mmfree'), image);
    const pico = await startEmulatedPico(BINARY, image);
    const options = ['--board', pico.selector, '--image', at('tiny.mmfree'), '--tokens', '1'];
    expect(await mmfreeJson('verify', ...options)).toMatchObject({ exit: 0 });
    await pico.stop();
  });

  it.skipIf(count(0, 1) === 0)('tells a tale, each receipt that of the reference', { timeout: 3_600_000 }, async () => {
    const pico = await startEmulatedPico(BINARY, readFileSync(SMALL_TALES_IMAGE));
    const options = ['--board', pico.selector, '--image', SMALL_TALES_IMAGE, '--check', '--temperature', '0.8'];
    let tokens = 0;
    let cycles = 0;
    for (let seed = 1; tokens < TOKENS; seed++) {
      const limit = ['--seed', String(seed), '--max-tokens', String(TOKENS - tokens)];
      const before = pico.cycles();
      const { exit, result } = await mmfreeJson('run', 'Once upon a time', ...options, ...limit);
      expect(exit).toBe(0);
      tokens += Number(result['receipts_checked']);
      cycles += pico.cycles() - before;
    }
    await pico.stop();
    figure('firmware for RP2040 in rp2040js: tokens of tales-4m, each receipt equal', String(tokens));
    figure('firmware for RP2040: cycles a token of tales-4m, without the flash', String(Math.round(cycles / tokens)));
  });

  it('sleeps where there is nothing to do, and hears a host all the same', () => {
    let nowNs = 0;
    const sent: number[] = [];
    const flash = memoryStore(picoFlash(BINARY));
    const chip = new PicoChip({ flash, onUart: (byte) => sent.push(byte), now: () => nowNs });
    const live = (milliseconds: number): void => {
      for (const end = nowNs + 1e6 * milliseconds; nowNs < end; nowNs += STEP_NS) chip.run((STEP_NS * CLOCK_HZ) / 1e9);
    };
    while (!chip.usb.isConnected) live(1);
    live(10);
    const before = chip.cycles;
    live(1000);
    expect(chip.sleepsMs).toBeGreaterThan(0);
    // A tick is some hundred cycles.
    expect(chip.cycles - before).toBeGreaterThan(TICKS * 100);
    expect(chip.cycles - before).toBeLessThan(MOST_AWAKE * CLOCK_HZ);
    figure('firmware for RP2040: of the time without work, awake', `${((chip.cycles - before) / CLOCK_HZ) * 100} %`);
    chip.receive(encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(7) }), true));
    live(10);
    expect(sent.length).toBeGreaterThan(8);
    // The computer stalls, for longer than the watchdog waits.
    nowNs += 2e9 * WATCHDOG_S;
    live(10);
    expect(chip.end).toBeUndefined();
  });

  it.skipIf(count(0, 1) === 0)('starts anew when it hangs', { timeout: 600_000 }, () => {
    const { chip } = new PicoHost(memoryStore(picoFlash(BINARY, goodImage(1))));
    chip.run(CLOCK_HZ);
    expect(chip.end).toBeUndefined();
    // Where it is, it stays: `b .`
    new DataView(chip.ram.buffer).setUint16(chip.places[0] - RAM, 0xe7fe, true);
    chip.run(WATCHDOG_S * CLOCK_HZ);
    expect(chip.end).toBe('restart');
  });
});
