/**
 * The core and the products as they are compiled for the Cortex-M33 of an RP2350, in QEMU's Musca-B1: the shipped
 * models, receipt by receipt, over its UART.
 */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildFirmware } from '../../firmware-host/tools/build-firmware.js';
import { mmfreeJson, TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { HAS_QEMU, startQemuBoard } from '../helpers/qemu-board.js';

const TOKENS = count(10, 2000);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the compiler made of each source, by its name. */
function objectsIn(folder: string): ReadonlyMap<string, Buffer> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.o'));
  return new Map(names.map((name) => [name.replace(/^\d+-/, ''), readFileSync(join(folder, name))]));
}

describe.skipIf(!HAS_QEMU)('the firmware for musca-b1', () => {
  const at = temporaryFolder();
  let board: Awaited<ReturnType<typeof startQemuBoard>> | undefined;
  beforeAll(async () => {
    board = await startQemuBoard(at('.'), TALES_IMAGE);
  });
  afterAll(() => board?.stop());

  it('tells tales whose receipts are those of the reference', { timeout: 3_600_000 }, async () => {
    let tokens = 0;
    for (let seed = 1; tokens < TOKENS; seed++) {
      const left = String(Math.min(400, TOKENS - tokens));
      const options = ['--board', board!.selector, '--check', '--temperature', '0.8', '--seed', String(seed)];
      const { exit, result } = await mmfreeJson('run', 'Once upon a time', '--max-tokens', left, ...options);
      expect(exit).toBe(0);
      tokens += Number(result['receipts_checked']);
    }
    figure('firmware for Cortex-M33 in QEMU: tokens of tales-9m, each receipt equal', String(tokens));
  });

  it('is the code of the binary for RP2350, which is what Debian’s compiler makes of the sources, but for the chip', async () => {
    mkdirSync(at('rp2350'));
    const { file, warnings } = await buildFirmware('rp2350', at('rp2350'));
    expect(warnings).toEqual([]);
    expect(readFileSync(file).equals(readFileSync(join(ROOT, 'firmware/prebuilt/rp2350.bin')))).toBe(true);
    const objects = objectsIn(at('rp2350'));
    const [same, different] = [[], []] as [string[], string[]];
    for (const [name, object] of objectsIn(at('.'))) (objects.get(name)?.equals(object) ? same : different).push(name);
    // Start, flash, the second processor, DMA.
    expect(different.toSorted()).toEqual(['cores.c.o', 'main.c.o', 'stream.c.o']);
    expect(same).toEqual(expect.arrayContaining(['model.c.o', 'product.S.o', 'products.c.o', 'text.c.o']));
  });
});
