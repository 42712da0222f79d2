/** `mmfree read`, `mmfree revert` and `mmfree restart`: the work. */
import { openBoard, type OpenedBoard } from '../../engine/open-board.js';
import { boardMalformed } from '../../device/board-error.js';
import { BoardConnection } from '../../device/connection.js';
import { readImage, revertImage } from '../../device/read-image.js';
import { restartBoard } from '../../device/restart-board.js';
import { opener } from '../../device/selector.js';
import { openChecked } from '../../model/check-image.js';
import { OutputFile } from '../../model/files/output-file.js';
import { hexOf } from '../../protocol/hex.js';
import { ImageError } from '../../protocol/image/image-error.js';
import { sameBytes } from '../../protocol/little-endian.js';
import type { CommandContext } from '../command.js';
import { megabytes } from './image-facts.js';
import { keyOf } from './key-file.js';
import { engineOptions } from './machines/engine-options.js';
import { selectorOf } from './machines/selector.js';

/** The options `--board`, `--key-file` and `--wait`. */
interface BoardInput {
  readonly board: string | undefined;
  readonly keyFile: string | undefined;
  readonly wait: number;
}

async function opened({ board, keyFile, wait }: BoardInput, context: CommandContext): Promise<OpenedBoard> {
  return await openBoard({ board: selectorOf(board), key: keyOf(keyFile), wait }, engineOptions(context));
}

/** The file has its name only when every byte of it has been checked, and is what the board says that it runs. */
export async function read(input: BoardInput & { readonly output: string }, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const file = await OutputFile.create(input.output);
  try {
    const { connection } = await opened(input, context);
    try {
      let progress = output.progress({ label: 'read', unit: 'bytes', total: 0 });
      const { length, sha256 } = await readImage(
        connection,
        {
          begin: (total) => {
            progress.end();
            progress = output.progress({ label: 'read', unit: 'bytes', total });
          },
          write: async (offset, bytes) => {
            await file.write(bytes, offset);
            progress.update(offset + bytes.length);
          },
        },
        signal,
      ).catch((error: unknown) => {
        output.note(`nothing is kept: ${input.output} is as it was, and the same command begins again`);
        throw error;
      });
      progress.end();
      await file.handle.truncate(length);
      const { hello } = connection.session;
      const name = `${hello.board} ${hello.serial}`;
      const model = await checkedName(file.temporaryPath, name, sha256, signal);
      await file.commit();
      output.print(`${input.output} has ${model} of ${name}: ${megabytes(length)}, checked, seal ${hexOf(sha256)}\n`);
      output.result({ board: name, file: input.output, file_bytes: length, image: model, image_sha256: hexOf(sha256) });
    } finally {
      await connection.close();
    }
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function checkedName(path: string, board: string, sha256: Uint8Array, signal: AbortSignal): Promise<string> {
  try {
    const image = await openChecked(path, signal);
    image.close();
    const { seal, manifest } = image.view;
    if (!sameBytes(seal.sha256, sha256)) throw boardMalformed(board, 'its image is another one than it says');
    return manifest.name;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw boardMalformed(board, `what it reads back is no whole image: ${error.message}`);
  }
}

export async function revert(input: BoardInput, context: CommandContext): Promise<void> {
  const { output, signal, wires } = context;
  const { connection, address } = await opened(input, context);
  const { hello } = connection.session;
  const name = `${hello.board} ${hello.serial}`;
  try {
    await revertImage(connection.session);
  } finally {
    await connection.close();
  }
  // HELLO says what runs; that of a session stays.
  const after = await BoardConnection.open(opener(address), { signal, key: keyOf(input.keyFile), observer: wires });
  try {
    const { image } = after.session;
    const before = hello.image === undefined ? 'no image' : hello.image.name;
    output.print(
      `${name} runs ${image.name}, revision ${image.revision}, seal ${hexOf(image.sha256)}; before: ${before}\n`,
    );
    output.result({ board: name, image: image.name, image_sha256: hexOf(image.sha256), before });
  } finally {
    await after.close();
  }
}

export async function restart(input: BoardInput, context: CommandContext): Promise<void> {
  const { connection } = await opened(input, context);
  try {
    await restartBoard(connection);
    const { board, serial, image } = connection.session.hello;
    const name = `${board} ${serial}`;
    const runs =
      image === undefined
        ? 'no image'
        : `${image.name}, revision ${image.revision}, seal ${hexOf(image.sha256)}${image.confirmed ? '' : ', not confirmed'}`;
    context.output.print(`${name} has started again and runs ${runs}\n`);
    context.output.result({
      board: name,
      image: image?.name ?? null,
      image_sha256: image === undefined ? null : hexOf(image.sha256),
      confirmed: image?.confirmed ?? null,
    });
  } finally {
    await connection.close();
  }
}
