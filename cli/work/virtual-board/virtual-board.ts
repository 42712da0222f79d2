/** `mmfree virtual-board`: the work. */
import { createPrivateKey, createPublicKey, randomBytes, randomInt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { announceVirtualBoard } from '../../../device/finding/announce-virtual-board.js';
import { Board, type BoardOptions } from '../../../firmware-host/firmware/board.js';
import { restartRequest } from '../../../firmware-host/firmware/restart-request.js';
import { BoardProgram } from '../../../firmware-host/board-program.js';
import { BOOT_TABLE_SECTORS } from '../../../firmware-host/firmware/flash/boot-table.js';
import { installImage } from '../../../firmware-host/firmware/install-image.js';
import { NorFlash } from '../../../firmware-host/firmware/flash/nor-flash.js';
import { faultyWire } from '../../../firmware-host/virtual/wires/faulty-wire.js';
import type { Wire } from '../../../firmware-host/virtual/wires/wire.js';
import { loadChecked } from '../../../model/check-image.js';
import { hexOf } from '../../../protocol/hex.js';
import { MODEL_LIMITS } from '../../../protocol/image/model-shape.js';
import type { CommandContext } from '../../command.js';
import { badValue, UsageError } from '../../usage-error.js';
import { VERSION } from '../../../protocol/version.js';
import { parseFaults, type BoardFaults } from './faults.js';
import type { VirtualBoardInput } from './input.js';
import { openBoardUsb, type BoardUsbInput } from './usb.js';
import { openWires, watched } from './wires.js';
import { openFlash } from './open-flash.js';
import { cpuModelOf } from '../../../model/backends/cpu/node/cpu-model-of.js';
import { checkOutputs } from '../../../model/files/output-file.js';
import { readRegular } from '../../../model/files/input-file.js';
import { MAX_KEY_BYTES } from '../input-limits.js';
import { picoBoard } from './pico.js';
import { rtlBoard } from './rtl.js';

const SECTOR_BYTES = 4096;

/** Runs until it is interrupted, which is how it is meant to end. */
export async function virtualBoard(input: VirtualBoardInput, context: CommandContext): Promise<void> {
  if (input.rtl !== undefined) return await rtlBoard({ ...input, rtl: input.rtl }, context);
  if (input.pico !== undefined) return await picoBoard({ ...input, pico: input.pico }, context);
  const { output, signal } = context;
  if (input.rtlStats !== undefined) throw statsWithoutChip();
  if (input.boot) throw bootWithoutPico();
  const faults = parseFaults(input.faults);
  const options = await boardOptions(input, faults);
  const { serial } = options.identity;
  await checkOutputs(given(input.flashFile, input.spiFlashFile), given(input.image, input.signer));
  const store = openFlash('--flash-file', input.flashFile, input.flashMib * 2 ** 20);
  const flashes = { next: new NorFlash(store, SECTOR_BYTES, faults.timing) };
  if (input.image !== undefined) await install(input.image, flashes.next, options.slots, signal);
  await heard(signal);
  // Behind the installation, which is the factory's.
  if (faults.powerCut !== undefined) flashes.next.cutPower(faults.powerCut);

  const stop = new AbortController();
  let crash: Error | undefined;
  const crashed = (error: unknown): void => {
    crash = error instanceof Error ? error : new Error(String(error));
    stop.abort();
  };
  const program = new BoardProgram({
    start: () => {
      const flash = flashes.next;
      // For the next start: the contents stay without power, and a planned cut happens once.
      flashes.next = new NorFlash(store, SECTOR_BYTES, faults.timing);
      return new Board({
        ...options,
        flash,
        bootNonce: randomInt(2 ** 32),
        groups: [restartRequest(() => program.restartSoon())],
      });
    },
    onPower: (isOn, isWanted) => {
      const [off, on] = isWanted ? ['the board restarts', ''] : ['the board lost power', 'power is back: '];
      output.note(isOn ? `${on}the board has started again` : off);
      output.event('power', { on: isOn });
    },
    onCrash: crashed,
  });
  const connect = (bare: Wire, key?: Uint8Array): void => {
    // Behind the faults: what is on the wire is seen.
    const wire = watched(bare, context);
    program.connect(faults.wire ? faultyWire(wire, faults.wire) : wire, key);
  };
  const addresses = await openWires(input, isOnUsb(input), connect);
  const usb = await openBoardUsb(input, {
    identity: options.identity,
    now: options.now,
    sectorBytes: SECTOR_BYTES,
    onWire: connect,
    onTransfer: () => program.poll(),
    onFailure: crashed,
  });
  for (const { peripheral } of usb) program.attach(peripheral);
  // USB last: what speaks the protocol by itself needs no detour.
  addresses.push(...usb.flatMap(({ address }) => address ?? []));
  const forget = addresses.length === 0 ? undefined : announceVirtualBoard({ pid: process.pid, serial, addresses });
  try {
    const running = program.board?.images.running;
    const model = running === undefined ? 'no image' : running.view.manifest.name;
    output.event('ready', {
      serial,
      addresses,
      usb: usb.map(({ facts }) => facts),
      image_sha256: running === undefined ? null : hexOf(running.view.seal.sha256),
    });
    const ways = [...addresses.map((address) => `--board ${address}`), ...usb.map(({ text }) => text)];
    output.print(`virtual board ${serial} (${model}): ${ways.join(' or ')}\n`);
    for (const { note } of usb) if (note !== undefined) output.note(note);
    output.note('Ctrl-C ends it');
    if (!signal.aborted) await once(AbortSignal.any([signal, stop.signal]), 'abort');
    if (crash !== undefined) throw crash;
  } finally {
    forget?.();
    program.stop();
    for (const { close } of usb) await close();
    store.close();
  }
}

function given(...paths: readonly (string | undefined)[]): string[] {
  return paths.filter((path) => path !== undefined);
}

function bootWithoutPico(): UsageError {
  return new UsageError('conflicting-options', '--boot is for an emulated Pico', {
    reason: 'Other boards have no boot ROM.',
    fix: 'Add --pico and --usbip, or leave --boot out.',
  });
}

function statsWithoutChip(): UsageError {
  return new UsageError('conflicting-options', '--rtl-stats needs --rtl', {
    reason: 'Only a simulated chip has clocks to count.',
    fix: 'Add --rtl, or leave --rtl-stats out.',
  });
}

function isOnUsb({ usbip, gadget, ftdi }: BoardUsbInput): boolean {
  return [usbip, gadget, ftdi].some((way) => way !== undefined);
}

async function boardOptions(
  input: VirtualBoardInput,
  { damage }: BoardFaults,
): Promise<Omit<BoardOptions, 'bootNonce' | 'flash'>> {
  const signer = input.signer === undefined ? undefined : await readPublicKey(input.signer);
  // Not of the process id: that is 1 in every container.
  const serial = input.serialNumber ?? `VB-${randomBytes(4).toString('hex')}`;
  if (!/^[\x21-\x39\x3b-\x7e]{1,64}$/.test(serial)) {
    throw badValue('--serial-number', serial, '1 to 64 printable ASCII characters without spaces and colons', 'VB-1');
  }
  return {
    identity: { board: 'virtual', serial, firmware: VERSION },
    slots: input.slots === '1' ? 1 : 2,
    policy: {
      limits: { ...MODEL_LIMITS, ...(input.maxHidden !== undefined && { hiddenSize: input.maxHidden }) },
      minimumRevision: input.minimumRevision,
      ...(signer && { signer }),
    },
    now: () => performance.now(),
    window: input.window,
    makeModel: cpuModelOf,
    ...(damage && { damage }),
  };
}

/** Between pieces of work that take long, as a board's own does: a signal that has come ends the command. */
async function heard(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}

/** As in a factory: the image lies in slot 0, and is the one to start. */
async function install(path: string, flash: NorFlash, slots: 1 | 2, signal: AbortSignal): Promise<void> {
  const image = await loadChecked(path, signal);
  try {
    const slotBytes = Math.floor((flash.length / SECTOR_BYTES - BOOT_TABLE_SECTORS) / slots) * SECTOR_BYTES;
    if (image.view.fileLength > slotBytes) {
      const needed = Math.ceil((slots * image.view.fileLength) / 2 ** 20) + 1;
      throw badValue('--image', path, `at most ${slotBytes} bytes long, as long as a slot`, `--flash-mib ${needed}`);
    }
    await heard(signal);
    installImage(flash, slots, image.source);
  } finally {
    image.close();
  }
}

async function readPublicKey(path: string): Promise<Uint8Array> {
  const pem = Buffer.from(await readRegular(path, { limitBytes: MAX_KEY_BYTES }));
  let key: KeyObject | undefined;
  for (const read of [createPublicKey, (text: Buffer) => createPublicKey(createPrivateKey(text))]) {
    try {
      key ??= read(pem);
    } catch {
      // Said below, with what would work.
    }
  }
  const { x } = key?.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }) : {};
  if (x !== undefined) return new Uint8Array(Buffer.from(x, 'base64url'));
  throw badValue('--signer', path, 'a file with an Ed25519 key in PEM', 'key.pem');
}
