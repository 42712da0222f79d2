#!/usr/bin/env bash
# What ends in a HardFault on an RP2040 goes on in the emulated one: no wrong load, store or jump calls the handler.
#
# A Cortex-M0+ answers an address that is not aligned, an address where nothing is, UDF (what GCC makes of
# __builtin_trap), and a jump to an address without the Thumb bit with a HardFault (ARMv6-M Architecture Reference
# Manual, A3.2.1 for alignment). In rp2040js 1.4.1 the processor goes on with the next instruction: a halfword is read
# from an odd address, words and halfwords are stored anywhere, nothing reads as ones and swallows stores, the trap does
# nothing as long as the chip is stepped (class Simulator stops at it, as at a breakpoint), and the Thumb bit is not
# looked at. Only loads of unaligned words are noticed, and only by the logger: the usual one throws an Error in
# JavaScript, one that does not throw gets the value. No handler of the firmware is called in any case, so neither the
# casts of pointers that x86 forgives nor the crash handler have been tested when the tests are green. The package's
# README names other limits, not this one; its source has a TODO.
#
# Exit 0: seen as described. Exit 1: the package behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --save-exact --ignore-scripts rp2040js@1.4.1 >>npm.log 2>&1

cat >seen.mjs <<'EOT'
import { ConsoleLogger, LogLevel, RP2040 } from 'rp2040js';

const RAM = 0x20000000;
const [CODE, FAULT, DATA, TOP] = [RAM + 0x200, RAM + 0x300, RAM + 0x400, RAM + 0x1000];
const NOWHERE = 0x30000000;
const hex = (number) => number.toString(16);
const isFaulted = ({ IPSR, PC }) => IPSR !== 0 || (PC >= FAULT && PC < FAULT + 4);

/** One instruction with r0 = a5a5a5a5 and r1 = address, then movs r7, #1. */
function run(instruction, address, throwOnError = true) {
  const chip = new RP2040();
  chip.logger = new ConsoleLogger(LogLevel.Error, throwOnError);
  // stack, reset, NMI, HardFault
  [TOP, CODE | 1, FAULT | 1, FAULT | 1].forEach((word, index) => chip.writeUint32(RAM + 4 * index, word));
  [instruction, 0x2701].forEach((half, index) => chip.writeUint16(CODE + 2 * index, half));
  chip.writeUint16(FAULT, 0xe7fe); // b .
  for (let index = 0; index < 8; index++) chip.writeUint8(DATA + index, 0x10 + index);
  const { core } = chip;
  Object.assign(core, { VTOR: RAM, PC: CODE, SP: TOP });
  core.registers.set([0xa5a5a5a5, address]);
  try {
    chip.step();
    chip.step();
  } catch (error) {
    return `Error: ${error.message}`;
  }
  if (isFaulted(core)) return 'HardFault';
  if (core.registers[7] !== 1) return 'stopped';
  const memory = Buffer.from(chip.sram.slice(DATA - RAM, DATA - RAM + 8)).toString('hex');
  return `goes on, r0 ${hex(core.registers[0])}, memory ${memory}`;
}

const untouched = 'memory 1011121314151617';
const kept = 'goes on, r0 a5a5a5a5';
const thrown = `Error: [RP2040] read from address ${hex(DATA + 2)}, which is not 32 bit aligned`;
const expected = [
  ['ldrh r0, [r1], odd', [0x8808, DATA + 1], `goes on, r0 1211, ${untouched}`],
  ['strh r0, [r1], odd', [0x8008, DATA + 1], `${kept}, memory 10a5a51314151617`],
  ['str r0, [r1], unaligned', [0x6008, DATA + 2], `${kept}, memory 1011a5a5a5a51617`],
  ['ldr r0, [r1], nothing there', [0x6808, NOWHERE], `goes on, r0 ffffffff, ${untouched}`],
  ['str r0, [r1], nothing there', [0x6008, NOWHERE], `${kept}, ${untouched}`],
  ['udf #255', [0xdeff, 0], `${kept}, ${untouched}`],
  ['bx r1, no Thumb bit', [0x4708, CODE + 2], `${kept}, ${untouched}`],
  ['ldr r0, [r1], unaligned', [0x6808, DATA + 2], thrown],
  ['the same, logger that does not throw', [0x6808, DATA + 2, false], `goes on, r0 15141312, ${untouched}`],
  ['for comparison: ldrh r0, [r1], even', [0x8808, DATA + 2], `goes on, r0 1312, ${untouched}`],
];
let isAsDescribed = true;
for (const [what, given, outcome] of expected) {
  const seen = run(...given);
  console.log(`${what}: ${seen}`);
  isAsDescribed &&= seen === outcome;
}
process.exitCode = isAsDescribed ? 0 : 1;
EOT
echo "node $(node --version), rp2040js 1.4.1"
node seen.mjs
