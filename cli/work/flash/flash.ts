/** `mmfree flash`: the work. */
import { connect, openBoard, whenItComes } from '../../../engine/open-board.js';
import { boardWantsNoKey } from '../../../device/board-error.js';
import { selectFlashTarget, type FlashTarget } from '../../../device/finding/discovery.js';
import { flashImage, planFlash, type FlashResult } from '../../../device/flash-image.js';
import { flashOverUsb } from '../../../device/flash-over-usb.js';
import { OUR_PRODUCT, OUR_VENDOR } from '../../../device/usb/ids.js';
import { openChecked } from '../../../model/check-image.js';
import type { ImageFile } from '../../../model/image-file.js';
import { hexOf } from '../../../protocol/hex.js';
import type { Hello } from '../../../protocol/wire/messages-board.js';
import type { CommandContext } from '../../command.js';
import type { JsonObject } from '../../output.js';
import { UsageError } from '../../usage-error.js';
import { checkDfuIds } from './check-dfu-ids.js';
import { flashAnyFile } from './any-file.js';
import type { FlashInput } from './input.js';
import { megabytes } from '../image-facts.js';
import { keyOf } from '../key-file.js';
import { engineOptions } from '../machines/engine-options.js';
import { selectorOf } from '../machines/selector.js';

/** A board, by one of the ways to it. */
interface Way {
  /** For people. */
  readonly name: string;
  readonly flash: (onProgress: (doneBytes: number) => void) => Promise<WayResult>;
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
  const { output } = context;
  const { connection } = await openBoard(
    { board: selectorOf(input.board), key: keyOf(input.keyFile), wait: input.wait },
    engineOptions(context),
  );
  try {
    const { differingBytes } = await planFlash(connection.session, image);
    const board = boardName(connection.session.hello);
    const { manifest, fileLength } = image.view;
    output.print(
      `${board} would take ${manifest.name}: ${megabytes(differingBytes)} of ${megabytes(fileLength)} differ\n`,
    );
    output.result({ board, ...imageFacts(image), dry_run: true, differing_bytes: differingBytes });
  } finally {
    await connection.close();
  }
}

async function flashChecked(input: FlashInput, image: ImageFile, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const { manifest, fileLength } = image.view;
  const key = keyOf(input.keyFile);
  const way = await whenItComes(input.wait, context, async () => {
    const target = await selectFlashTarget(selectorOf(input.board), false, signal);
    const ids = target.kind === 'usb' ? target.info : { vendor: OUR_VENDOR, product: OUR_PRODUCT };
    checkDfuIds(image.dfuIds, target.kind === 'usb' ? target.host.nameOf(target.info) : 'the board', ids);
    return await wayTo(target, key, image, context);
  });
  try {
    const progress = output.progress({ label: 'flash', unit: 'bytes', total: fileLength });
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
      flash: async (onProgress) => ({ ...(await flashImage(connection, image, { signal, onProgress })), hello }),
      close: async () => await connection.close(),
    };
  }
  // DFU has no way to ask for one.
  if (key !== undefined) throw boardWantsNoKey(target.host.nameOf(target.info));
  const onLost = ({ message, reason }: { readonly message: string; readonly reason: string }): void =>
    output.note(`${message}: ${reason} Looking for it …`);
  return {
    name: 'DFU',
    flash: async (onProgress) => await flashOverUsb(target, image, { signal, observer: wires, onLost, onProgress }),
    close: () => Promise.resolve(),
  };
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
