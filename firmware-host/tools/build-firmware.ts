/** The firmware of `firmware/`, built with the GNU compiler for Arm's microcontrollers. */

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { packageFile } from '../../model/package-file.js';
import { CHECKED_BYTES, crc32Mpeg2 } from '../virtual/pico/second-stage.js';
import { compilerFailed, compilerMissing } from './firmware-error.js';
import type { PortName } from './port-names.js';
import { endOf, lastLines, missingOf } from './tool-process.js';

interface Port {
  readonly options: readonly string[];
  /** What it has of others' files, besides its own. */
  readonly shared: readonly string[];
  /** Whether its flash is written as it is, from the first byte on; else the ELF file is what is loaded. */
  readonly hasFlash: boolean;
}

/** The folders of `firmware/ports/`. With two lines an RP2040 has less room for the messages of each, and for DFU. */
const PORTS: Readonly<Record<PortName, Port>> = {
  rp2040: {
    options: ['-mcpu=cortex-m0plus', '-DMMF_INBOX=2', '-DMMF_DFU_BLOCK_BYTES=2048'],
    shared: [],
    hasFlash: true,
  },
  rp2350: {
    options: ['-mcpu=cortex-m33'],
    shared: ['clocks', 'cores', 'flash', 'main', 'products', 'stream', 'uart', 'usb', 'watchdog']
      .concat('usb-controller', 'usb-descriptors')
      .map((name) => `rp2040/${name}.c`),
    hasFlash: true,
  },
  'musca-b1': {
    options: ['-mcpu=cortex-m33'],
    shared: ['rp2040/products.c', 'rp2350/product.S'],
    hasFlash: false,
  },
};

const GCC = 'arm-none-eabi-gcc';
const OBJCOPY = 'arm-none-eabi-objcopy';
const WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion'];
/** Where the time goes; all else is made small. */
const QUICK = /^(bitlinear|crc32|memory|model|products|sampler|sha256-block|ternary)\.c$/;
/** The core needs memcpy and memset only, which must not become calls of themselves. */
const CODE = ['-std=c11', '-mthumb', '-ffreestanding', '-fno-tree-loop-distribute-patterns'];
const LINKER = ['-nostdlib', '-Wl,--no-warn-rwx-segments'];
/** Lines of the compiler's that are kept. */
const SHOWN_LINES = 8;

export interface BuiltFirmware {
  /** With symbols. */
  readonly elf: string;
  /** What a board is given: the flash from its first byte on, or the ELF file. */
  readonly file: string;
  /** What the compiler warned of, by lines. */
  readonly warnings: readonly string[];
}

/**
 * @param folder for object files and what comes of them
 * @param how mhz: of an RP2040's processors, one of `RP2040_MHZ`; the first one unless given
 * @throws FirmwareError; AbortError; the operating system's error
 */
export async function buildFirmware(
  name: PortName,
  folder: string,
  { mhz, signal }: { readonly mhz?: string | undefined; readonly signal?: AbortSignal } = {},
): Promise<BuiltFirmware> {
  const missing = missingOf([GCC, OBJCOPY]);
  if (missing.length > 0) throw compilerMissing(missing);
  const port = PORTS[name];
  const includes = ['docs/firmware', 'firmware/core', `firmware/ports/${name}`, 'firmware/ports/rp2040'];
  const clock = mhz === undefined ? [] : [`-DMMF_MHZ=${mhz}`];
  const options = [
    ...port.options,
    ...clock,
    ...WARNINGS,
    ...CODE,
    ...includes.map((path) => `-I${packageFile(path)}`),
  ];
  const objects: string[] = [];
  const warnings: string[] = [];
  for (const source of sourcesOf(name, port)) {
    const object = join(folder, `${objects.length}-${basename(source)}.o`);
    const level = QUICK.test(basename(source)) ? '-O2' : '-Os';
    warnings.push(...(await call(GCC, [...options, level, '-c', '-o', object, source], source, signal)));
    objects.push(object);
  }
  const elf = join(folder, `${name}.elf`);
  const script = packageFile(`firmware/ports/${name}/${name}.ld`);
  warnings.push(
    ...(await call(GCC, [...options, ...LINKER, '-T', script, '-o', elf, ...objects, '-lgcc'], elf, signal)),
  );
  if (!port.hasFlash) return { elf, file: elf, warnings };
  const file = join(folder, `${name}.bin`);
  await call(OBJCOPY, ['-O', 'binary', elf, file], elf, signal);
  if (name === 'rp2040') await completeSecondStage(file);
  return { elf, file, warnings };
}

/** What a port has in assembly takes the place of the core's file of that name. */
function sourcesOf(name: string, { shared }: Port): readonly string[] {
  const own = filesIn(`firmware/ports/${name}`, /\.[cS]$/);
  const replaced = new Set(own.filter((file) => file.endsWith('.S')).map((file) => basename(file, '.S')));
  const core = filesIn('firmware/core', /\.c$/).filter((file) => !replaced.has(basename(file, '.c')));
  const others = ['memory.c', ...shared].map((file) => packageFile(`firmware/ports/${file}`));
  return [...core, ...others, ...own];
}

function filesIn(folder: string, pattern: RegExp): string[] {
  const files = readdirSync(packageFile(folder)).filter((file) => pattern.test(file));
  return files.toSorted().map((file) => packageFile(`${folder}/${file}`));
}

/** @returns what it said @throws FirmwareError; AbortError */
async function call(
  program: string,
  args: readonly string[],
  input: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  signal?.throwIfAborted();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const said = lastLines(child.stderr);
  const [code, killedBy] = await endOf(child, signal);
  if (code !== 0) throw compilerFailed(program, input, said().slice(-SHOWN_LINES), killedBy ?? code);
  return said();
}

/** Its checksum, without which the boot ROM does not start it. */
async function completeSecondStage(file: string): Promise<void> {
  const flash = await readFile(file);
  flash.writeUInt32LE(crc32Mpeg2(flash.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
  await writeFile(file, flash);
}
