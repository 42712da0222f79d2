/** `mmfree flash`: the work. */
import { flashImage, planFlash, type FlashResult } from '../../device/flash-image.js';
import { ImageFile } from '../../model/image-file.js';
import type { CommandContext } from '../command.js';
import { hexOf, megabytes } from './image-facts.js';
import { openBoard, type BoardInput } from './open-board.js';

interface FlashInput extends BoardInput {
  readonly image: string;
  readonly dryRun: boolean;
}

export async function flash(input: FlashInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  // Every byte of it, before a board hears of it.
  const image = ImageFile.openChecked(input.image);
  const { connection } = await openBoard(input, context);
  try {
    const { hello } = connection.session;
    const board = `${hello.board} ${hello.serial}`;
    const { manifest, fileLength } = image.view;
    const facts = { board, image: manifest.name, file_bytes: fileLength, image_sha256: hexOf(image.view.seal.sha256) };
    if (input.dryRun) {
      const { differingBytes } = await planFlash(connection.session, image);
      output.print(
        `${board} would take ${manifest.name}: ${megabytes(differingBytes)} of ${megabytes(fileLength)} differ\n`,
      );
      output.result({ ...facts, dry_run: true, differing_bytes: differingBytes });
      return;
    }
    const progress = output.progress({ label: 'flash', unit: 'bytes', total: fileLength });
    const startMs = performance.now();
    const result = await flashImage(connection, image, { signal, onProgress: (done) => progress.update(done) });
    const seconds = (performance.now() - startMs) / 1000;
    progress.end();
    output.print(`${sentenceOf(result, board, manifest.name, seconds)}\n`);
    output.result({
      ...facts,
      outcome: result.outcome,
      written_bytes: result.writtenBytes,
      kept_bytes: result.keptBytes,
      sha256: hexOf(result.sha256),
      tested_tokens: result.testedTokens,
      seconds,
      bytes_per_second: result.writtenBytes / seconds,
    });
  } finally {
    await connection.close();
    image.close();
  }
}

function sentenceOf(
  { outcome, writtenBytes, keptBytes, sha256, testedTokens }: FlashResult,
  board: string,
  image: string,
  seconds: number,
): string {
  const proof = `it repeats the self-test, ${testedTokens} receipts equal`;
  if (outcome === 'already-there') return `${board} runs ${image} already; ${proof}`;
  if (outcome === 'confirmed') return `${board} had ${image} already, not confirmed; ${proof}, and it stays`;
  const kept = keptBytes > 0 ? `, ${megabytes(keptBytes)} were there` : '';
  const rate = `${megabytes(writtenBytes)} written${kept} in ${seconds.toFixed(1)} s`;
  return `${board} runs ${image}: ${rate}, read back as sha256 ${hexOf(sha256).slice(0, 16)}…; ${proof}`;
}
