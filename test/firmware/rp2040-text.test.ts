/**
 * The binary for RP2040 in the hands of a person with a terminal. In a file of its own: the emulator is several times
 * slower in a process that has run other chips before.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { CLOCK_HZ } from '../../firmware-host/virtual/pico/pico-chip.js';
import { picoFlash } from '../../firmware-host/virtual/pico/pico-flash.js';
import { memorySource } from '../../protocol/byte-source.js';
import { openImage } from '../../protocol/image/image-reader.js';
import { count } from '../helpers/counts.js';
import { goodImageOf } from '../helpers/good-image.js';
import { PicoHost } from '../helpers/pico-host.js';
import { TINY_SHAPE, tinySections } from '../helpers/tiny-image.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BINARY = readFileSync(join(ROOT, 'firmware/prebuilt/rp2040.bin'));
const SMALL_TALES_IMAGE = join(ROOT, 'models/tales-4m/tales-4m.mmfree');
/** A look for what the tokenizer is made of. */
const MOST_UNFED_MS = 80;

function hostOfTales(): PicoHost {
  const tales = readFileSync(SMALL_TALES_IMAGE);
  const { offset, length } = openImage(memorySource(tales)).sections.tokenizer;
  const sections = tinySections(1, { ...TINY_SHAPE, vocabSize: 4096, hiddenSize: 8, intermediateSize: 8 });
  const image = goodImageOf(sections, { tokenizer: tales.subarray(offset, offset + length) });
  return new PicoHost(memoryStore(picoFlash(BINARY, image)));
}

it('tells a tale to who presses Enter on an empty line, and to nobody else', { timeout: 600_000 }, () => {
  const host = hostOfTales();
  host.chip.receive(Buffer.from('AT\r\nAT+GCAP\r\n'));
  host.chip.run(count(0.2, 1) * CLOCK_HZ);
  expect(host.text).toBe('');
  host.type('\r\n', 'How does the tale begin? ');
  expect(host.type('Onsa\b\bce upon', ' upon')).toContain('\b \b');
  expect(host.type('\r', 'Once upon')).toMatch(/\r\n\r\nOnce upon/);
  expect(host.type('', 'e')).not.toBe('');
  // It used to be 3.3 s for a text of 112 characters, of the 4 s that the watchdog waits for.
  expect(host.chip.mostUnfedMs).toBeLessThan(MOST_UNFED_MS);
  // A program that finds a person there takes over.
  expect(host.hello().image?.confirmed).toBe(true);
});

it.skipIf(count(0, 1) === 0)(
  'leaves the line to a program that comes while a prompt is read',
  { timeout: 600_000 },
  () => {
    const host = hostOfTales();
    host.type('\r\n', 'How does the tale begin? ');
    host.type('Once upon', 'Once upon');
    host.type('\r', '');
    host.hello();
    host.chip.run(CLOCK_HZ);
    expect(host.text).not.toContain('Once upon');
  },
);
