/** A board as a machine, with the file of its image where there is one. */
import { BoardError, otherImage } from '../../device/board-error.js';
import { BoardMachine } from '../../device/board/board-machine.js';
import { readTextParts, type TextParts } from '../../device/read-back.js';
import { addressText } from '../../device/selector.js';
import type { BoardSession } from '../../device/session.js';
import { openChecked } from '../../model/check-image.js';
import { hexOf } from '../../protocol/hex.js';
import { sameBytes } from '../../protocol/little-endian.js';
import { imageFileMissing } from '../engine-error.js';
import { knownImageOf } from '../known-images.js';
import type { MachineRequest } from '../machine-request.js';
import { openBoard } from '../open-board.js';
import type { OpenedMachine } from '../opened-machine.js';
import type { EngineOptions } from '../options.js';
import { SHIPPED_IMAGE } from '../shipped.js';

/**
 * A board that nobody named is told. Its image may be the file that is named, one that this computer knows, or one that
 * only the board has.
 *
 * @throws BoardError; ImageError; EngineError; AbortError
 */
export async function openBoardMachine(request: MachineRequest, options: EngineOptions): Promise<OpenedMachine> {
  const { address, connection } = await openBoard(request, options);
  try {
    const { session } = connection;
    const { board, serial } = session.hello;
    const name = `${board} ${serial}`;
    if (request.board === undefined) options.onNote(`using ${session.image.name} on ${name} (${addressText(address)})`);
    const file = await openImageOf(session, request.image, options);
    const imageName = file?.path ?? `the image on ${name}`;
    const { tokenizerJson, eosTokenIds, chat } = file ?? (await readTextParts(session).catch(needsFile(imageName)));
    const capabilities = await session.capabilities();
    const sampling = request.sampling ?? 'board';
    const machine = new BoardMachine(connection, { sampling, eosTokenIds, capabilities });
    return { machine, imageName, tokenizerJson, chat, place: name, ...(file && { imagePath: file.path }) };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A board that reads nothing back has its image in a file here. */
function needsFile(imageName: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof BoardError && error.code === 'board-unknown-request')) throw error;
    const use = 'This board does not read its image back, and the tokenizer is in the image.';
    throw imageFileMissing(imageName, use, error);
  };
}

/**
 * Opens the file of the image that a board runs, and tells which it is, but for the usual one; undefined if none is
 * known.
 *
 * @throws BoardError `board-other-image`
 */
async function openImageOf(
  { name, image, hello }: BoardSession,
  named: string | undefined,
  { onNote }: EngineOptions,
): Promise<(TextParts & { readonly path: string }) | undefined> {
  const path = named ?? knownImageOf(image.sha256);
  if (path === undefined) return undefined;
  const file = await openChecked(path);
  try {
    const { seal, shape, manifest } = file.view;
    if (!sameBytes(image.sha256, seal.sha256)) throw otherImage(name, hexOf(image.sha256), hexOf(seal.sha256));
    if (path !== named && path !== SHIPPED_IMAGE) onNote(`the image of ${hello.board} ${hello.serial} is ${path}`);
    const { eosTokenIds } = shape;
    const tokenizerJson = file.section('tokenizer');
    return { path, tokenizerJson, chat: manifest.chat, ...(eosTokenIds && { eosTokenIds }) };
  } finally {
    file.close();
  }
}
