/** `mmfree flash`: the work. */
import { selectFlashTarget, type FlashTarget } from '../../device/discovery.js';
import { flashImage, planFlash, type FlashResult } from '../../device/flash-image.js';
import { flashOverUsb, planUsbFlash } from '../../device/flash-over-usb.js';
import { OUR_PRODUCT, OUR_VENDOR } from '../../device/usb/ids.js';
import type { ImageFile } from '../../model/image-file.js';
import type { CommandContext } from '../command.js';
import { flashAnyFile } from './flash-any-file.js';
import { checkIds, openImage } from './flash-input.js';
import { hexOf, megabytes } from './image-facts.js';
import { connect, selectorOf, whenItComes, type BoardInput } from './open-board.js';

export interface FlashInput extends BoardInput {
  readonly image: string;
  readonly dryRun: boolean;
  /** A memory of a board of any make; the file is any file then. */
  readonly dfuAlt: string | undefined;
}

/** What a way to a board can do. */
interface Way {
  /** Kind and serial number; known when one of the others is through. */
  readonly board: () => string;
  readonly plan: () => Promise<{ readonly differingBytes: number }>;
  readonly flash: (onProgress: (doneBytes: number) => void) => Promise<FlashResult & { comparedBytes?: number }>;
  readonly close: () => Promise<void>;
  /** For people. */
  readonly name: string;
}

export async function flash(input: FlashInput, context: CommandContext): Promise<void> {
  if (input.dfuAlt !== undefined) return await flashAnyFile({ ...input, dfuAlt: input.dfuAlt }, context);
  const { signal } = context;
  const file = openImage(input.image);
  const { image } = file;
  try {
    const way = await whenItComes(input.wait, context, async () => {
      const selector = input.board === undefined ? undefined : selectorOf(input.board);
      const target = await selectFlashTarget(selector, false, signal);
      const ids = target.kind === 'usb' ? target.info : { vendor: OUR_VENDOR, product: OUR_PRODUCT };
      checkIds(file, target.kind === 'usb' ? target.host.nameOf(target.info) : 'the board', ids);
      return await wayTo(target, image, context);
    });
    try {
      await flashOn(way, image, input.dryRun, context);
    } finally {
      await way.close();
    }
  } finally {
    image.close();
  }
}

async function flashOn(way: Way, image: ImageFile, dryRun: boolean, { output }: CommandContext): Promise<void> {
  const { manifest, fileLength } = image.view;
  const facts = {
    image: manifest.name,
    file_bytes: fileLength,
    image_sha256: hexOf(image.view.seal.sha256),
    over: way.name,
  };
  if (dryRun) {
    const { differingBytes } = await way.plan();
    const board = way.board();
    output.print(
      `${board} would take ${manifest.name}: ${megabytes(differingBytes)} of ${megabytes(fileLength)} differ\n`,
    );
    output.result({ board, ...facts, dry_run: true, differing_bytes: differingBytes });
    return;
  }
  const progress = output.progress({ label: 'flash', unit: 'bytes', total: fileLength });
  const startMs = performance.now();
  const result = await way.flash((done) => progress.update(done));
  const seconds = (performance.now() - startMs) / 1000;
  progress.end();
  const board = way.board();
  output.print(`${sentenceOf(result, board, manifest.name, seconds)}\n`);
  output.result({
    board,
    ...facts,
    outcome: result.outcome,
    written_bytes: result.writtenBytes,
    kept_bytes: result.keptBytes,
    sha256: hexOf(result.sha256),
    tested_tokens: result.testedTokens,
    ...(result.comparedBytes !== undefined && { compared_bytes: result.comparedBytes }),
    seconds,
    bytes_per_second: result.writtenBytes / seconds,
  });
}

async function wayTo(target: FlashTarget, image: ImageFile, context: CommandContext): Promise<Way> {
  const { output, signal } = context;
  if (target.kind === 'session') {
    const connection = await connect(target.address, context);
    const { hello } = connection.session;
    return {
      name: 'serial protocol',
      board: () => `${hello.board} ${hello.serial}`,
      plan: async () => await planFlash(connection.session, image),
      flash: async (onProgress) => await flashImage(connection, image, { signal, onProgress }),
      close: async () => await connection.close(),
    };
  }
  let board = target.host.nameOf(target.info);
  const options = {
    signal,
    onLost: ({ message, reason }: { readonly message: string; readonly reason: string }): void =>
      output.note(`${message}: ${reason} Looking for it …`),
  };
  return {
    name: 'DFU',
    board: () => board,
    plan: async () => {
      const { hello, differingBytes } = await planUsbFlash(target, image, options);
      board = `${hello.board} ${hello.serial}`;
      return { differingBytes };
    },
    flash: async (onProgress) => {
      const result = await flashOverUsb(target, image, { ...options, onProgress });
      board = `${result.hello.board} ${result.hello.serial}`;
      return result;
    },
    close: () => Promise.resolve(),
  };
}

function sentenceOf(
  { outcome, writtenBytes, keptBytes, sha256, testedTokens, comparedBytes }: FlashResult & { comparedBytes?: number },
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
