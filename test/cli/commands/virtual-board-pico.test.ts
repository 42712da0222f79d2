/** `virtual-board --pico`: the binary for RP2040 itself, with the commands that any board takes. Uses the compiled program. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeUf2, UF2_FAMILY } from '../../../protocol/uf2.js';
import { mmfree, mmfreeJson, startBoard, temporaryFolder } from '../../helpers/command-line.js';
import { goodImage } from '../../helpers/good-image.js';

const FIRMWARE = readFileSync(
  join(fileURLToPath(new URL('../../..', import.meta.url)), 'firmware/prebuilt/rp2040.bin'),
);
const FLASH = 0x1000_0000;
/** Behind the firmware and the log of slots. */
const IMAGE_OFFSET = 128 * 1024 + 2 * 4096;

const path = temporaryFolder();
const noTokenizer = { tokenizer: new Uint8Array(0) };

beforeAll(() => {
  const image = goodImage(1, { ...noTokenizer, name: 'first' });
  writeFileSync(path('first'), image);
  writeFileSync(path('second'), goodImage(2, { ...noTokenizer, name: 'second' }));
  const pieces = [
    { address: FLASH, bytes: FIRMWARE },
    { address: FLASH + IMAGE_OFFSET, bytes: image },
  ];
  writeFileSync(path('board.uf2'), encodeUf2(UF2_FAMILY.rp2040, pieces));
  writeFileSync(path('other.uf2'), encodeUf2(UF2_FAMILY.rp2350, pieces));
  writeFileSync(path('far.uf2'), encodeUf2(UF2_FAMILY.rp2040, [{ address: 0x2000_0000, bytes: FIRMWARE }]));
});

describe('an emulated Pico', () => {
  it(
    'takes the file that a Pico takes, is flashed like any board, and keeps its flash',
    { timeout: 120_000 },
    async () => {
      const first = await startBoard('--pico', path('board.uf2'), '--flash-file', path('flash'));
      expect(await mmfreeJson('boards', '--board', first.selector)).toMatchObject({
        events: expect.arrayContaining([
          expect.objectContaining({ image: expect.objectContaining({ name: 'first' }) }),
        ]),
      });
      expect((await mmfreeJson('flash', path('second'), '--board', first.selector)).result).toMatchObject({ exit: 0 });
      await first.stop();

      const second = await startBoard('--pico', '--flash-file', path('flash'));
      const options = ['--board', second.selector, '--image', path('second'), '--tokens', '1'];
      expect((await mmfreeJson('verify', ...options)).exit).toBe(0);
      expect(await second.stop()).toBe(130);
    },
  );

  it.each([
    ['a file that is no UF2', ['--pico', 'first']],
    ['a UF2 for other chips', ['--pico', 'other.uf2']],
    ['a UF2 for another place than the flash', ['--pico', 'far.uf2']],
    ['the simulator of another chip', ['--pico', '--rtl']],
    ['what its firmware does not have', ['--pico', '--window', '1', '--slots', '1']],
  ])('refuses %s', async (_, options) => {
    const args = options.map((option) => (/^(first|.*\.uf2)$/.test(option) ? path(option) : option));
    const { exit, stderr } = await mmfree('virtual-board', ...args);
    expect([exit, stderr.lines.length]).toEqual([2, 3]);
  });
});
