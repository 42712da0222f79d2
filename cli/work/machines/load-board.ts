/** A board as a source of tokens, with the file of its image where there is one. */
import { BoardError, otherImage } from '../../../device/board-error.js';
import { BoardBackend } from '../../../device/board-backend.js';
import { readTextParts, type TextParts } from '../../../device/read-back.js';
import { addressText } from '../../../device/selector.js';
import type { BoardSession } from '../../../device/session.js';
import { openChecked } from '../../../model/check-image.js';
import { hexOf } from '../../../protocol/hex.js';
import { sameBytes } from '../../../protocol/little-endian.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { openBoard, type BoardInput } from './open-board.js';
import { SHIPPED_IMAGE } from '../shipped.js';
import type { TokenSource } from './token-source.js';

/**
 * A board that the user did not name is told.
 *
 * @param image file that the board must run; without one it may be the shipped one, or one that only the board has
 * @throws BoardError; ImageError; UsageError
 */
export async function loadBoard(
  input: BoardInput & { readonly image: string | undefined },
  sampling: 'board' | 'host',
  context: CommandContext,
): Promise<TokenSource> {
  const { address, connection } = await openBoard(input, context);
  try {
    const { session } = connection;
    const name = `${session.hello.board} ${session.hello.serial}`;
    if (input.board === undefined)
      context.output.note(`using ${session.image.name} on ${name} (${addressText(address)})`);
    const file = await openImageOf(session, input.image);
    const imageName = file?.path ?? `the image on ${name}`;
    const { tokenizerJson, eosTokenIds } = file ?? (await readTextParts(session).catch(needsFile(imageName)));
    const backend = new BoardBackend(connection, { sampling, ...(eosTokenIds && { eosTokenIds }) });
    return { backend, imageName, tokenizerJson, ...(file && { imagePath: file.path }) };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A board that reads nothing back has its image in a file here. */
function needsFile(imageName: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof BoardError && error.code === 'board-unknown-request')) throw error;
    throw new UsageError('missing-option', `--image is missing: the file of ${imageName}`, {
      reason: 'This board does not read its image back, and the tokenizer is in the image.',
      fix: 'Name the file that the board runs with --image.',
      cause: error,
    });
  };
}

/** Opens the file of the image that a board runs; undefined if none is known. @throws BoardError `board-other-image` */
async function openImageOf(
  session: BoardSession,
  path: string | undefined,
): Promise<(TextParts & { readonly path: string }) | undefined> {
  const file = await openChecked(path ?? SHIPPED_IMAGE);
  try {
    const { seal, shape } = file.view;
    const { sha256 } = seal;
    if (sameBytes(session.image.sha256, sha256)) {
      const tokenizerJson = file.section('tokenizer');
      return {
        path: path ?? SHIPPED_IMAGE,
        tokenizerJson,
        ...(shape.eosTokenIds && { eosTokenIds: shape.eosTokenIds }),
      };
    }
    if (path !== undefined) throw otherImage(session.name, hexOf(session.image.sha256), hexOf(sha256));
    return undefined;
  } finally {
    file.close();
  }
}
