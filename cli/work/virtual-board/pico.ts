/**
 * `mmfree virtual-board --pico`: the firmware for microcontrollers, the binary itself, in an emulated Raspberry Pi
 * Pico.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { BoardError } from '../../../device/board-error.js';
import { announceVirtualBoard } from '../../../device/finding/announce-virtual-board.js';
import { BoardSession } from '../../../device/session.js';
import type { Transport, TransportEvents } from '../../../device/transport/transport.js';
import type { FlashStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { PicoBoard } from '../../../firmware-host/virtual/pico/pico-board.js';
import {
  FIRMWARE_BYTES,
  FLASH_BYTES,
  FLASH_WINDOW,
  picoFlash,
} from '../../../firmware-host/virtual/pico/pico-flash.js';
import { secondStage } from '../../../firmware-host/virtual/pico/second-stage.js';
import type { WireEvents } from '../../../firmware-host/virtual/wires/wire.js';
import { readRegular } from '../../../model/files/input-file.js';
import { checkOutputs } from '../../../model/files/output-file.js';
import { packageFile } from '../../../model/package-file.js';
import { hexOf } from '../../../protocol/hex.js';
import { decodeUf2, UF2_FAMILY } from '../../../protocol/uf2.js';
import type { Hello } from '../../../protocol/wire/messages-board.js';
import type { CommandContext } from '../../command.js';
import { badValue, UsageError } from '../../usage-error.js';
import { MAX_UF2_BYTES } from '../input-limits.js';
import { loadForPico, RP2040 } from '../pico-firmware.js';
import type { VirtualBoardInput } from './input.js';
import { untilStarted } from './boot-mode.js';
import { openFlash } from './open-flash.js';
import { refuseForeignOptions } from './foreign-options.js';
import { openUsbIpPort } from './usb.js';
import { openWires, watched } from './wires.js';

type PicoInput = VirtualBoardInput & { readonly pico: string };

/** As `--pico` without a value is read; a file of that name is ./shipped. */
const SHIPPED = 'shipped';
const IMAGE = packageFile('models/tales-4m/tales-4m.mmfree');
const ERASED = 0xff;

/** Runs until it is interrupted, which is how it is meant to end. */
export async function picoBoard(input: PicoInput, context: CommandContext): Promise<void> {
  const { signal } = context;
  refuseForeignOptions(
    input,
    '--pico',
    ['--image', '--flash-file', '--usbip', '--boot'],
    'An emulated Pico is what its chip and its firmware make it.',
  );
  if (input.boot) checkBootOptions(input);
  const inputs = [input.image ?? '', input.pico].filter((path) => path !== '' && path !== SHIPPED);
  await checkOutputs(input.flashFile === undefined ? [] : [input.flashFile], inputs);
  const flash = openFlash('--flash-file', input.flashFile, FLASH_BYTES);
  try {
    if (!input.boot) await fill(flash, input, signal);
    const usb = input.usbip === undefined ? undefined : await openUsbIpPort(input.usbip, input.open);
    try {
      if (input.boot && usb !== undefined) await boot(flash, usb, context);
      await run(flash, usb, input, context);
    } finally {
      await usb?.close();
    }
  } finally {
    flash.close();
  }
}

type Usb = Awaited<ReturnType<typeof openUsbIpPort>>;

/** In boot mode, until a host starts it. */
async function boot(flash: FlashStore, usb: Usb, { output, signal }: CommandContext): Promise<void> {
  const { address } = usb;
  output.event('ready', { addresses: [address], usb: [usb.facts], chip: 'rp2040', boot_mode: true });
  output.print(`emulated Pico in boot mode: mmfree flash IMAGE --board ${address}\n`);
  output.note('Ctrl-C ends it');
  await untilStarted(flash, usb.port, signal);
  output.note('the board has started');
}

/** The firmware in the flash. */
async function run(flash: FlashStore, usb: Usb | undefined, input: PicoInput, context: CommandContext): Promise<void> {
  if (secondStage(flash) === undefined) throw inBootMode('What its flash begins with is no firmware that starts');
  const { output, signal } = context;
  const stop = new AbortController();
  let crash: Error | undefined;
  const board = new PicoBoard({
    flash,
    usb: usb?.port,
    onRestart: () => output.note('the board has started again'),
    onEnd: (why) => {
      crash = why === 'boot-mode' ? inBootMode('Its firmware has gone to the boot mode') : why;
      stop.abort();
    },
  });
  const isOver = AbortSignal.any([signal, stop.signal]);
  let forget: (() => void) | undefined;
  try {
    output.note('the firmware checks its image …');
    const { serial, image } = await firstHello(board, isOver);
    const addresses = await openWires(input, usb !== undefined, (wire) => board.connect(watched(wire, context)));
    if (usb !== undefined) {
      await board.isOnUsb;
      addresses.push(usb.address);
    }
    forget = announceVirtualBoard({ pid: process.pid, serial, addresses });
    const sha256 = image === undefined ? null : hexOf(image.sha256);
    output.event('ready', { serial, addresses, usb: usb ? [usb.facts] : [], chip: 'rp2040', image_sha256: sha256 });
    const ways = [...addresses.map((address) => `--board ${address}`), ...(usb ? [usb.text] : [])];
    output.print(`emulated Pico (${image?.name ?? 'no image'}): ${ways.join(' or ')}\n`);
    output.note('Ctrl-C ends it');
    if (!isOver.aborted) await once(isOver, 'abort');
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    forget?.();
    board.stop();
  }
  if (crash !== undefined) throw crash;
}

/**
 * Puts into the flash what comes from the factory or is dragged onto it; what a file held before stays where neither
 * is.
 */
async function fill(flash: FlashStore, { pico, image }: PicoInput, signal: AbortSignal): Promise<void> {
  if (pico !== SHIPPED) {
    for (const { address, bytes } of await readUf2(pico, signal)) flash.write(address - FLASH_WINDOW, bytes);
  }
  const isNew = flash.read(0, 1)[0] === ERASED;
  if (!isNew && image === undefined) return;
  const firmware = isNew ? readFileSync(RP2040.firmware) : flash.read(0, FIRMWARE_BYTES);
  const { source, view } = (await loadForPico(image ?? IMAGE, [RP2040], signal)).image;
  flash.write(0, picoFlash(firmware, source.read(0, view.fileLength)));
}

async function readUf2(path: string, signal: AbortSignal): Promise<readonly { address: number; bytes: Uint8Array }[]> {
  const pieces = decodeUf2(await readRegular(path, { limitBytes: MAX_UF2_BYTES, signal }), UF2_FAMILY.rp2040);
  const isWithin = pieces?.every(
    ({ address, bytes }) => address >= FLASH_WINDOW && address + bytes.length <= FLASH_WINDOW + FLASH_BYTES,
  );
  if (pieces === undefined || pieces.length === 0 || isWithin !== true) {
    throw badValue('--pico', path, 'a UF2 file for RP2040 with at most 2 MiB of flash', 'tales-4m.uf2');
  }
  return pieces;
}

/** It answers when it has checked its image, which takes longer than a host waits. @throws AbortError */
async function firstHello(board: PicoBoard, signal: AbortSignal): Promise<Hello> {
  for (;;) {
    try {
      const session = await BoardSession.open(transportTo(board), { signal });
      // Its END reaches the board, which is free then.
      await session.close();
      return session.hello;
    } catch (error) {
      // On a busy computer it is so slow that one of both has given the other up.
      if (!(error instanceof BoardError && ['board-silent', 'board-lost'].includes(error.code))) throw error;
    }
  }
}

/** What is written is on its way at once, also when it is closed next. */
function transportTo(board: PicoBoard): Transport {
  let host: TransportEvents | undefined;
  let wire: WireEvents | undefined;
  board.connect({
    isReady: true,
    start: (events) => (wire = events),
    write: (bytes) => queueMicrotask(() => host?.onData(bytes)),
    close: () => host?.onLost('The board has ended.'),
  });
  return {
    name: 'the board',
    isReady: true,
    start: (events) => (host = events),
    write: (bytes) => wire?.onData(bytes),
    close: async () => {
      host = undefined;
      await Promise.resolve(wire?.onGone());
    },
  };
}

/** What comes into the flash comes over PICOBOOT, from a host. @throws UsageError */
function checkBootOptions({ pico, image, usbip }: PicoInput): void {
  if (usbip === undefined) {
    throw new UsageError('conflicting-options', '--boot is for boards on USB', {
      reason: 'In boot mode a Pico has nothing but its USB port.',
      fix: 'Add --usbip.',
    });
  }
  const filled = [...(pico === SHIPPED ? [] : ['the file of --pico']), ...(image === undefined ? [] : ['--image'])];
  if (filled.length === 0) return;
  throw new UsageError('conflicting-options', `--boot and ${filled.join(' and ')} exclude each other`, {
    reason: 'In boot mode a Pico gets firmware and model from a host.',
    fix: `Leave ${filled.join(' and ')} out, and flash the board.`,
  });
}

/** @param why a clause */
function inBootMode(why: string): UsageError {
  return new UsageError('conflicting-options', 'the board waits for a file on its drive', {
    reason: `${why}, and a real Pico is a drive called RPI-RP2 then.`,
    fix: 'Start it again with the file that you would drag there: --pico FILE.uf2',
  });
}
