/**
 * `node scripts/firmware.mjs PORT FOLDER`: builds the firmware of firmware/ports/PORT with Arm's GCC into a
 * folder.
 *
 * It makes PORT.elf, and for chips PORT.bin, the flash from its first byte on, which `mmfree pack --uf2 --firmware`
 * takes.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './setup.mjs';

/**
 * What a port has of others' files, besides its own. With two lines an RP2040 has less room for the messages of each, and
 * for blocks of DFU.
 */
const PORTS = {
  'musca-b1': { options: ['-mcpu=cortex-m33'], shared: ['rp2040/products.c', 'rp2350/product.S'] },
  rp2040: { options: ['-mcpu=cortex-m0plus', '-DMMF_INBOX=2', '-DMMF_DFU_BLOCK_BYTES=2048'], shared: [] },
  rp2350: {
    options: ['-mcpu=cortex-m33'],
    shared: ['clocks', 'cores', 'flash', 'main', 'products', 'stream', 'uart', 'usb', 'watchdog']
      .concat('usb-controller', 'usb-descriptors')
      .map((name) => `rp2040/${name}.c`),
  },
};
const WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Werror'];
/** Where the time goes; all else is made small. */
const QUICK = /\/(bitlinear|crc32|memory|model|products|sampler|sha256-block|ternary)\.c$/;
/** The core needs memcpy and memset only, which must not become calls of themselves. */
const CODE = ['-std=c11', '-mthumb', '-ffreestanding', '-fno-tree-loop-distribute-patterns'];
const LINKER = ['-nostdlib', '-Wl,--no-warn-rwx-segments'];

/** The second stage of an RP2040: 252 bytes and their CRC-32 (data sheet, 2.8.1.3.1). */
const SECOND_STAGE_BYTES = 252;

const [port, folder] = process.argv.slice(2);
if (!(port in PORTS) || folder === undefined) {
  process.stderr.write(`usage: node scripts/firmware.mjs ${Object.keys(PORTS).join('|')} FOLDER\n`);
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const program = compile();
if (port !== 'musca-b1') writeFileSync(join(folder, `${port}.bin`), flashOf(program));

function compile() {
  const { options: chip, shared } = PORTS[port];
  const own = filesIn(`firmware/ports/${port}`, /\.[cS]$/);
  // What a port has in assembly takes the place of the core's file of that name.
  const replaced = new Set(own.filter((file) => file.endsWith('.S')).map((file) => basename(file, '.S')));
  const core = filesIn('firmware/core', /\.c$/).filter((file) => !replaced.has(basename(file, '.c')));
  const others = ['memory.c', ...shared].map((name) => join(root, 'firmware/ports', name));
  const sources = [...core, ...others, ...own];
  const folders = ['docs/firmware', 'firmware/core', `firmware/ports/${port}`, 'firmware/ports/rp2040'];
  const includes = folders.map((name) => `-I${join(root, name)}`);
  const options = [...chip, ...WARNINGS, ...CODE, ...includes];
  const objects = sources.map((source, index) => {
    const object = join(folder, `${index}-${basename(source)}.o`);
    execFileSync('arm-none-eabi-gcc', [...options, QUICK.test(source) ? '-O2' : '-Os', '-c', '-o', object, source]);
    return object;
  });
  const output = join(folder, `${port}.elf`);
  const script = join(root, `firmware/ports/${port}/${port}.ld`);
  execFileSync('arm-none-eabi-gcc', [...options, ...LINKER, '-T', script, '-o', output, ...objects, '-lgcc']);
  return output;
}

function filesIn(name, pattern) {
  const files = readdirSync(join(root, name)).filter((file) => pattern.test(file));
  return files.toSorted().map((file) => join(root, name, file));
}

/** What the flash holds, with the checksum of an RP2040's second stage. */
function flashOf(elf) {
  const output = join(folder, `${port}.bin`);
  execFileSync('arm-none-eabi-objcopy', ['-O', 'binary', elf, output]);
  const bytes = readFileSync(output);
  if (port === 'rp2040') bytes.writeUInt32LE(crc32Mpeg2(bytes.subarray(0, SECOND_STAGE_BYTES)), SECOND_STAGE_BYTES);
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
