/**
 * `node scripts/firmware.mjs PORT FOLDER [IMAGE]`: builds the firmware of firmware/ports/PORT with Arm's GCC into a
 * folder.
 *
 * For musca-b1 it makes musca-b1.elf. For rp2040 it makes rp2040.elf, the flash from its first byte on as rp2040.bin,
 * with the image behind the firmware if one is given, and both as rp2040.uf2, which the boot ROM's drive takes.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const PORTS = { 'musca-b1': 'cortex-m33', rp2040: 'cortex-m0plus' };
const WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Werror'];
/** The core needs memcpy and memset only, which must not become calls of themselves. */
const CODE = ['-std=c11', '-O2', '-mthumb', '-ffreestanding', '-fno-tree-loop-distribute-patterns'];
const LINKER = ['-nostdlib', '-Wl,--no-warn-rwx-segments'];

/** The second stage of an RP2040: 252 bytes and their CRC-32 (data sheet, 2.8.1.3.1). */
const SECOND_STAGE_BYTES = 252;
/** Behind the firmware and the log of slots: firmware/ports/rp2040/main.c, firmware/core/store.h. */
const IMAGE_OFFSET = 128 * 1024 + 2 * 4096;

/** github.com/microsoft/uf2 */
const UF2 = { magic: [0x0a324655, 0x9e5d5157], end: 0x0ab16f30, hasFamily: 0x2000, blockBytes: 512, payloadBytes: 256 };
const RP2040_FAMILY = 0xe48bff56;
const FLASH_WINDOW = 0x10000000;

const [port, folder, image] = process.argv.slice(2);
if (!(port in PORTS) || folder === undefined) {
  process.stderr.write(`usage: node scripts/firmware.mjs ${Object.keys(PORTS).join('|')} FOLDER [IMAGE]\n`);
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const program = compile();
if (port === 'rp2040') {
  const pieces = [{ offset: 0, bytes: flashOf(program) }];
  if (image !== undefined) pieces.push({ offset: IMAGE_OFFSET, bytes: readFileSync(image) });
  writeFileSync(join(folder, 'rp2040.bin'), joined(pieces));
  writeFileSync(join(folder, 'rp2040.uf2'), uf2Of(pieces));
}

function compile() {
  const sources = [
    ...filesIn('firmware/core', /\.c$/),
    join(root, 'firmware/ports/memory.c'),
    ...filesIn(`firmware/ports/${port}`, /\.[cS]$/),
  ];
  const includes = ['docs/firmware', 'firmware/core', `firmware/ports/${port}`].map((name) => `-I${join(root, name)}`);
  const output = join(folder, `${port}.elf`);
  const link = [...LINKER, '-T', join(root, `firmware/ports/${port}/${port}.ld`), '-o', output, ...sources, '-lgcc'];
  execFileSync('arm-none-eabi-gcc', [`-mcpu=${PORTS[port]}`, ...WARNINGS, ...CODE, ...includes, ...link]);
  return output;
}

function filesIn(name, pattern) {
  const files = readdirSync(join(root, name)).filter((file) => pattern.test(file));
  return files.toSorted().map((file) => join(root, name, file));
}

/** What the flash holds, with the checksum of the second stage. */
function flashOf(elf) {
  const output = join(folder, 'rp2040.bin');
  execFileSync('arm-none-eabi-objcopy', ['-O', 'binary', elf, output]);
  const bytes = readFileSync(output);
  bytes.writeUInt32LE(crc32Mpeg2(bytes.subarray(0, SECOND_STAGE_BYTES)), SECOND_STAGE_BYTES);
  return bytes;
}

/** Not reflected, and not inverted at the end. */
function crc32Mpeg2(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

function joined(pieces) {
  const flash = Buffer.alloc(Math.max(...pieces.map(({ offset, bytes }) => offset + bytes.length)), 0xff);
  for (const { offset, bytes } of pieces) flash.set(bytes, offset);
  return flash;
}

function uf2Of(pieces) {
  const pages = pieces.flatMap(({ offset, bytes }) =>
    Array.from({ length: Math.ceil(bytes.length / UF2.payloadBytes) }, (_, index) => {
      const from = index * UF2.payloadBytes;
      return { address: FLASH_WINDOW + offset + from, data: bytes.subarray(from, from + UF2.payloadBytes) };
    }),
  );
  return Buffer.concat(
    pages.map(({ address, data }, index) => {
      const block = Buffer.alloc(UF2.blockBytes);
      const words = [...UF2.magic, UF2.hasFamily, address, UF2.payloadBytes, index, pages.length, RP2040_FAMILY];
      words.forEach((word, place) => block.writeUInt32LE(word, 4 * place));
      block.set(data, 32);
      block.writeUInt32LE(UF2.end, UF2.blockBytes - 4);
      return block;
    }),
  );
}
