/** `mmfree flash`: the work. */
import { connect, openBoard, whenItComes } from '../../../engine/open-board.js';
import { BoardError, boardWantsNoKey } from '../../../device/board-error.js';
import { selectFlashTarget, type FlashTarget } from '../../../device/finding/discovery.js';
import { flashImage, planFlash, type FlashResult } from '../../../device/flash-image.js';
import { flashInBootMode, planInBootMode } from '../../../device/flash-in-boot-mode.js';
import { flashOverUsb } from '../../../device/flash-over-usb.js';
import { bytesOfSectors } from '../../../device/picoboot/program-flash.js';
import { bootModeOf, OUR_PRODUCT, OUR_VENDOR } from '../../../device/usb/ids.js';
import type { BootMode } from '../../../device/usb/ids.js';
import { factoryPieces, IMAGE_OFFSET } from '../../../firmware-host/virtual/pico/pico-flash.js';
import { openChecked } from '../../../model/check-image.js';
import { readRegular } from '../../../model/files/input-file.js';
import type { ImageFile } from '../../../model/image-file.js';
import { hexOf } from '../../../protocol/hex.js';
import type { Hello } from '../../../protocol/wire/messages-board.js';
import type { CommandContext } from '../../command.js';
import type { JsonObject } from '../../output.js';
import { dragInstead } from '../../advice/drag-instead.js';
import { UsageError } from '../../usage-error.js';
import { checkDfuIds } from './check-dfu-ids.js';
import { flashAnyFile } from './any-file.js';
import type { FlashInput } from './input.js';
import { megabytes } from '../image-facts.js';
import { keyOf } from '../key-file.js';
import { engineOptions } from '../machines/engine-options.js';
import { selectorOf } from '../machines/selector.js';
import { fittingChips, RP2040, RP2350 } from '../pico-firmware.js';

/** Nothing was sent: the system, or the board, has no such way. */
const NO_WAY: ReadonlySet<string> = new Set([
  'board-denied',
  'board-busy',
  'board-wrong-driver',
  'board-not-flashable',
  'usb-unavailable',
]);

/** A board, by one of the ways to it. */
interface Way {
  /** For people. */
  readonly name: string;
  /** Bytes that must be there in the end. */
  readonly totalBytes: number;
  /** Another way, where the system does not let this one be gone. */
  readonly instead?: string;
  readonly flash: (onProgress: (doneBytes: number, totalBytes: number) => void) => Promise<WayResult>;
  readonly close: () => Promise<void>;
}

interface WayResult extends FlashResult {
  readonly hello: Hello;
  readonly comparedBytes?: number;
}

export async function flash(input: FlashInput, context: CommandContext): Promise<void> {
  if (input.dfuAlt !== undefined) return await flashAnyFile({ ...input, dfuAlt: input.dfuAlt }, context);
  if (input.requestTimeout !== undefined) throw noRequestTimeout();
  // Every byte of it, before a board hears of it.
  const image = await openChecked(input.image, context.signal);
  try {
    if (input.dryRun) await plan(input, image, context);
    else await flashChecked(input, image, context);
  } finally {
    image.close();
  }
}

/** Over the session also where the flash goes over DFU: not every board leaves DFU mode by itself. */
async function plan(input: FlashInput, image: ImageFile, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const target = await whenItComes(input.wait, context, async () => await targetOf(input, image, context));
  if (target.kind === 'boot-mode') {
    const pieces = await piecesFor(target.chip, image, signal);
    const { differingBytes, totalBytes } = await planInBootMode(target, pieces, signal);
    sayPlan(target.host.nameOf(target.info), image, { differingBytes, totalBytes }, output);
    return;
  }
  const { connection } = await openBoard(
    { board: selectorOf(input.board), key: keyOf(input.keyFile), wait: input.wait },
    engineOptions(context),
  );
  try {
    const { differingBytes } = await planFlash(connection.session, image);
    const board = boardName(connection.session.hello);
    sayPlan(board, image, { differingBytes, totalBytes: image.view.fileLength }, output);
  } finally {
    await connection.close();
  }
}

function sayPlan(
  board: string,
  image: ImageFile,
  { differingBytes, totalBytes }: { readonly differingBytes: number; readonly totalBytes: number },
  output: CommandContext['output'],
): void {
  const { name } = image.view.manifest;
  output.print(`${board} would take ${name}: ${megabytes(differingBytes)} of ${megabytes(totalBytes)} differ\n`);
  output.result({ board, ...imageFacts(image), dry_run: true, differing_bytes: differingBytes });
}

async function flashChecked(input: FlashInput, image: ImageFile, context: CommandContext): Promise<void> {
  const { output } = context;
  const { manifest } = image.view;
  const key = keyOf(input.keyFile);
  const way = await whenItComes(input.wait, context, async () => {
    return await wayTo(await targetOf(input, image, context), key, image, context);
  });
  try {
    const progress = output.progress({ label: 'flash', unit: 'bytes', total: way.totalBytes });
    const startMs = performance.now();
    let isBegun = false;
    const onProgress = (done: number): void => {
      // First it tells what was there already.
      if (!isBegun) progress.begin(done);
      isBegun = true;
      progress.update(done);
    };
    const result = await way.flash(onProgress).catch((error: unknown) => {
      if (isBegun) output.note('what was written stays: the same command goes on with the rest');
      else if (way.instead !== undefined && error instanceof BoardError && NO_WAY.has(error.code))
        output.note(way.instead);
      throw error;
    });
    const seconds = (performance.now() - startMs) / 1000;
    progress.end();
    const board = boardName(result.hello);
    output.print(`${sentenceOf(result, board, manifest.name, seconds)}\n`);
    output.result({
      board,
      ...imageFacts(image),
      over: way.name,
      outcome: result.outcome,
      written_bytes: result.writtenBytes,
      kept_bytes: result.keptBytes,
      sha256: hexOf(result.sha256),
      tested_tokens: result.testedTokens,
      compared_bytes: result.comparedBytes,
      seconds,
      bytes_per_second: result.writtenBytes / seconds,
    });
  } finally {
    await way.close();
  }
}

/** The board, for which the file is meant. */
async function targetOf(input: FlashInput, image: ImageFile, { signal }: CommandContext): Promise<FlashTarget> {
  const target = await selectFlashTarget(selectorOf(input.board), false, signal);
  const ids = target.kind === 'usb' ? target.info : { vendor: OUR_VENDOR, product: OUR_PRODUCT };
  checkDfuIds(image.dfuIds, target.kind === 'usb' ? target.host.nameOf(target.info) : 'the board', ids);
  return target;
}

async function wayTo(
  target: FlashTarget,
  key: Uint8Array | undefined,
  image: ImageFile,
  context: CommandContext,
): Promise<Way> {
  const { output, signal, wires } = context;
  if (target.kind === 'session') {
    const connection = await connect(target.address, { key }, engineOptions(context));
    const { hello } = connection.session;
    return {
      name: 'serial protocol',
      totalBytes: image.view.fileLength,
      flash: async (onProgress) => ({ ...(await flashImage(connection, image, { signal, onProgress })), hello }),
      close: async () => await connection.close(),
    };
  }
  // DFU has no way to ask for one.
  if (key !== undefined) throw boardWantsNoKey(target.host.nameOf(target.info));
  const onLost = ({ message, reason }: { readonly message: string; readonly reason: string }): void =>
    output.note(`${message}: ${reason} Looking for it …`);
  const options = { signal, observer: wires, onLost };
  const close = async (): Promise<void> => await Promise.resolve();
  if (target.kind === 'boot-mode') {
    const pieces = await piecesFor(target.chip, image, signal);
    return {
      name: 'PICOBOOT',
      totalBytes: bytesOfSectors(pieces),
      instead: dragInstead(bootModeOf(target.info)!),
      flash: async (onProgress) => await flashInBootMode(target, { image, pieces }, { ...options, onProgress }),
      close,
    };
  }
  return {
    name: 'DFU',
    totalBytes: image.view.fileLength,
    flash: async (onProgress) => await flashOverUsb(target, image, { ...options, onProgress }),
    close,
  };
}

/** Firmware and image. @throws BoardError if the chip has no room for it */
async function piecesFor(
  chip: BootMode['chip'],
  image: ImageFile,
  signal: AbortSignal,
): Promise<ReturnType<typeof factoryPieces>> {
  const [pico] = fittingChips(image, [chip === 'rp2040' ? RP2040 : RP2350]);
  const firmware = await readRegular(pico!.firmware, { limitBytes: IMAGE_OFFSET, signal });
  return factoryPieces(firmware, image.source.read(0, image.view.fileLength));
}

function noRequestTimeout(): UsageError {
  return new UsageError('conflicting-options', '--request-timeout is for --dfu-alt', {
    reason: 'Boards of ours keep to the 5 s that the USB standard gives a request.',
    fix: 'Leave it out, or name a memory of a board of another make with --dfu-alt.',
  });
}

function boardName({ board, serial }: Hello): string {
  return `${board} ${serial}`;
}

function imageFacts({ view }: ImageFile): JsonObject {
  return { image: view.manifest.name, file_bytes: view.fileLength, image_sha256: hexOf(view.seal.sha256) };
}

function sentenceOf(
  { outcome, writtenBytes, keptBytes, sha256, testedTokens, comparedBytes }: WayResult,
  board: string,
  image: string,
  seconds: number,
): string {
  const compared = comparedBytes === undefined ? '' : `${megabytes(comparedBytes)} of it compared; `;
  const proof = `${compared}it repeats the self-test, ${testedTokens} receipts equal`;
  if (outcome === 'already-there') return `${board} runs ${image} already; ${proof}`;
  if (outcome === 'confirmed') return `${board} had ${image} already, not confirmed; ${proof}, and it stays`;
  const kept = keptBytes > 0 ? `, ${megabytes(keptBytes)} were there` : '';
  const rate = `${megabytes(writtenBytes)} written${kept} in ${seconds.toFixed(1)} s`;
  return `${board} runs ${image}: ${rate}, read back as sha256 ${hexOf(sha256).slice(0, 16)}…; ${proof}`;
}
