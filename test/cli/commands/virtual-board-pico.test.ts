/**
 * `virtual-board --pico`: the binary for RP2040 itself, with the commands that any board takes. Uses the compiled
 * program.
 */

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeUf2, encodeUf2, UF2_FAMILY } from '../../../protocol/uf2.js';
import { opener } from '../../../device/selector.js';
import { BoardSession } from '../../../device/session.js';
import { RP2040_LIMITS } from '../../../firmware-host/virtual/pico/pico-flash.js';
import { packageFile } from '../../../model/package-file.js';
import { mmfree, mmfreeJson, startBoard, TALES, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { count, figure } from '../../helpers/counts.js';
import { goodImage, goodImageOf } from '../../helpers/good-image.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';

const RP2040_FILE = packageFile('firmware/prebuilt/rp2040.bin');
const RP2350_FILE = packageFile('firmware/prebuilt/rp2350.bin');
const FIRMWARE = readFileSync(RP2040_FILE);
const FLASH = 0x1000_0000;
/** Behind the firmware and the log of slots. */
const IMAGE_OFFSET = 128 * 1024 + 2 * 4096;

const path = temporaryFolder();
const SMALL_TALES_IMAGE = packageFile('models/tales-4m/tales-4m.mmfree');
const TALE_TOKENS = 200;
const noTokenizer = { tokenizer: new Uint8Array(0) };

beforeAll(() => {
  const image = goodImage(1, { ...noTokenizer, name: 'first' });
  writeFileSync(path('first'), image);
  writeFileSync(path('wide'), goodImageOf(tinySections(1, { ...TINY_SHAPE, hiddenSize: 257 })));
  writeFileSync(path('second'), goodImage(2, { ...noTokenizer, name: 'second' }));
  const pieces = [
    { address: FLASH, bytes: FIRMWARE },
    { address: FLASH + IMAGE_OFFSET, bytes: image },
  ];
  writeFileSync(path('other.uf2'), encodeUf2(UF2_FAMILY.rp2350, pieces));
  const noStart = [{ address: FLASH, bytes: FIRMWARE.map((byte, at) => (at < 256 ? 0 : byte)) }, pieces[1]!];
  writeFileSync(path('no-start.uf2'), encodeUf2(UF2_FAMILY.rp2040, noStart));
  writeFileSync(path('far.uf2'), encodeUf2(UF2_FAMILY.rp2040, [{ address: 0x2000_0000, bytes: FIRMWARE }]));
});

describe('an emulated Pico', () => {
  it.skipIf(count(0, 1) === 0).each([
    ['UART', []],
    ['USB/IP', ['--usbip', '127.0.0.1:0']],
  ])('tells tales over %s, each receipt that of the reference', { timeout: 7_200_000 }, async (way, options) => {
    const board = await startBoard('--pico', ...options);
    const run = ['run', 'Once upon a time', '--board', board.selector, '--image', SMALL_TALES_IMAGE, '--check'];
    let tokens = 0;
    for (let seed = 1; tokens < TALE_TOKENS; seed++) {
      const limit = ['--seed', String(seed), '--max-tokens', String(TALE_TOKENS - tokens)];
      const { exit, result } = await mmfreeJson(...run, '--temperature', '0.8', ...limit);
      expect(exit).toBe(0);
      tokens += Number(result['receipts_checked']);
    }
    await board.stop();
    figure(`virtual-board --pico, ${way}: tokens of tales-4m by run --check, each receipt equal`, String(tokens));
  });

  it('takes the file that a Pico takes, is on USB, and keeps its flash', async () => {
    const packed = await mmfreeJson('pack', '--uf2', path('first'), '--output', path('board.uf2'));
    const bytes = statSync(path('board.uf2')).size;
    const families = ['rp2040', 'rp2350'];
    expect(packed.result).toMatchObject({ exit: 0, name: 'first', families, uf2_bytes: bytes });
    const flash = ['--flash-file', path('flash')];
    const first = await startBoard('--pico', path('board.uf2'), '--usbip', '127.0.0.1:0', ...flash);
    expect(first.selector).toMatch(/^usbip:/);
    const verify = ['verify', '--board', first.selector, '--tokens', '1'];
    expect((await mmfreeJson(...verify, '--image', path('first'))).exit).toBe(0);
    await first.stop();

    const second = await startBoard('--pico', ...flash);
    const [, port] = /:(\d+)$/.exec(second.selector)!;
    const session = await BoardSession.open(await opener({ kind: 'tcp', host: '127.0.0.1', port: Number(port) })());
    await session.close();
    expect(await second.stop()).toBe(130);
    expect(session.hello.image?.name).toBe('first');
    // Packing believes in the same limits.
    expect(session.hello.limits).toMatchObject({
      hiddenSize: RP2040_LIMITS.maxHidden,
      intermediateSize: RP2040_LIMITS.maxIntermediate,
      layers: RP2040_LIMITS.maxLayers,
      vocabSize: RP2040_LIMITS.maxVocabulary,
      imageBytes: RP2040_LIMITS.maxImageBytes,
    });
  });

  // On a busy computer that takes a minute.
  it.skipIf(count(0, 1) === 0)('is flashed like any board', { timeout: 600_000 }, async () => {
    const board = await startBoard('--pico', '--image', path('first'));
    expect((await mmfreeJson('flash', path('second'), '--board', board.selector)).result).toMatchObject({ exit: 0 });
    const verify = ['verify', '--board', board.selector, '--image', path('second'), '--tokens', '1'];
    expect((await mmfreeJson(...verify)).exit).toBe(0);
    await board.stop();
  });

  it.each([
    ['both, where both have room', ['first'], ['rp2040', 'rp2350']],
    ['the one that has room', [TALES_IMAGE], ['rp2350']],
    ['the one that firmware is given for', ['first', '--firmware', RP2350_FILE], ['rp2350']],
  ])('is packed for %s, with firmware and model in their places', async (_, options, families) => {
    const [image, ...others] = options as [string, ...string[]];
    const imageFile = image === 'first' ? path(image) : image;
    const packed = await mmfreeJson('pack', '--uf2', imageFile, ...others, '--output', path('families.uf2'));
    expect(packed.result).toMatchObject({ exit: 0, families });
    const file = readFileSync(path('families.uf2'));
    expect(Object.entries(UF2_FAMILY).flatMap(([name, id]) => (decodeUf2(file, id)!.length > 0 ? [name] : []))).toEqual(
      families,
    );
    for (const family of families) {
      const pieces = decodeUf2(file, UF2_FAMILY[family as keyof typeof UF2_FAMILY])!;
      const flash = Buffer.alloc(4 * 2 ** 20, 0xff);
      const written = new Set<number>();
      for (const { address, bytes } of pieces) {
        expect([bytes.length, address % 256, written.has(address)]).toEqual([256, 0, false]);
        written.add(address);
        flash.set(bytes, address - FLASH);
      }
      const firmware = readFileSync(family === 'rp2040' ? RP2040_FILE : RP2350_FILE);
      const model = readFileSync(imageFile);
      expect(flash.subarray(0, firmware.length).equals(firmware)).toBe(true);
      expect(flash.subarray(IMAGE_OFFSET, IMAGE_OFFSET + model.length).equals(model)).toBe(true);
      // The log of slots is erased, whatever it said, so that the board tries what it finds.
      expect([...written].filter((at) => at >= FLASH + 128 * 1024 && at < FLASH + IMAGE_OFFSET).length).toBe(32);
      expect(flash.subarray(128 * 1024, IMAGE_OFFSET).every((byte) => byte === 0xff)).toBe(true);
    }
  });

  it.each([
    ['a model that no firmware has room for', 7, ['--uf2', 'wide']],
    ['a model that the firmware for RP2040 has no room for', 7, ['--uf2', TALES_IMAGE, '--firmware', RP2040_FILE]],
    ['firmware that nothing would start', 2, ['--uf2', 'first', '--firmware', 'second']],
    ['what says how an image is made', 2, ['--uf2', 'first', '--name', 'x', '--dfu']],
    ['firmware without a file for it', 2, [TALES, '--firmware', 'first']],
    ['a checkpoint', 6, ['--uf2', TALES]],
  ])('packing refuses %s, and writes nothing', async (_, expected, options) => {
    const args = options.map((option) => (/^(first|second|wide)$/.test(option) ? path(option) : option));
    const { exit, stderr } = await mmfree('pack', ...args, '--output', path('refused'));
    expect([exit, stderr.lines.length]).toEqual([expected, 3]);
    expect(existsSync(path('refused'))).toBe(false);
  });

  it.each([
    ['a file that is no UF2', ['--pico', 'first']],
    ['a UF2 for other chips', ['--pico', 'other.uf2']],
    ['a UF2 for another place than the flash', ['--pico', 'far.uf2']],
    ['a UF2 whose firmware no chip starts', ['--pico', 'no-start.uf2']],
    ['the simulator of another chip', ['--pico', '--rtl']],
    ['what its firmware does not have', ['--pico', '--window', '1', '--slots', '1']],
  ])('refuses %s', async (_, options) => {
    const args = options.map((option) => (/^(first|.*\.uf2)$/.test(option) ? path(option) : option));
    const { exit, stderr } = await mmfree('virtual-board', ...args);
    expect([exit, stderr.lines.length]).toEqual([2, 3]);
  });
});
