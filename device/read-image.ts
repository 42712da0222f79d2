/** The image of a board, byte for byte as it lies in its flash. docs/PROTOCOL.md, section 6. */

import { ImageError } from '../protocol/image/image-error.js';
import { decodeImagePrefix, IMAGE_PREFIX_BYTES } from '../protocol/image/image-prefix.js';
import { sameBytes } from '../protocol/little-endian.js';
import { DONE } from '../protocol/wire/messages-run.js';
import { REVERT } from '../protocol/wire/messages-flash.js';
import { BoardError, boardMalformed, noOtherImage } from './board-error.js';
import type { BoardConnection } from './connection.js';
import { READ_AHEAD_BYTES, readBack } from './read-back.js';
import type { BoardSession } from './session.js';

export interface ImageReader {
  /** Is told the length, in bytes, before anything else. */
  readonly begin: (totalBytes: number) => void;
  /** Takes bytes, in ascending order; from 0 on again if the board got another image meanwhile. */
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>;
}

/**
 * Reads the image that runs, and goes on where it stopped when the wire breaks. Nothing of it is checked but its head.
 *
 * @returns its length in bytes, and the hash of its seal by the word of the board
 * @throws BoardError; AbortError
 */
export async function readImage(
  connection: BoardConnection,
  { begin, write }: ImageReader,
  signal?: AbortSignal,
): Promise<{ readonly length: number; readonly sha256: Uint8Array }> {
  let done = 0;
  let of: Uint8Array | undefined;
  const work = async (session: BoardSession): Promise<{ readonly length: number; readonly sha256: Uint8Array }> => {
    const { sha256 } = session.image;
    if (of === undefined || !sameBytes(of, sha256)) done = 0;
    of = sha256;
    const length = await imageLength(session);
    begin(length);
    while (done < length) {
      signal?.throwIfAborted();
      const bytes = await readBack(session, done, Math.min(READ_AHEAD_BYTES, length - done));
      await write(done, bytes);
      done += bytes.length;
    }
    return { length, sha256 };
  };
  return await connection.persist(work, { progress: () => done });
}

async function imageLength(session: BoardSession): Promise<number> {
  const prefix = await readBack(session, 0, IMAGE_PREFIX_BYTES);
  try {
    const { fileLength } = decodeImagePrefix(prefix);
    // By the word of a board: no more than it says that it has room for.
    if (fileLength <= session.hello.limits.imageBytes) return fileLength;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw boardMalformed(session.name, `its image cannot be read: ${error.message}`);
  }
  throw boardMalformed(session.name, 'its image is longer than a slot of its flash');
}

/** Makes the image in the other slot run, after its self-test. @throws BoardError */
export async function revertImage(session: BoardSession): Promise<void> {
  await session.stopForeignRun();
  try {
    await session.request(REVERT, {}, DONE);
  } catch (error) {
    const isNone = error instanceof BoardError && error.code === 'board-no-image';
    throw isNone ? noOtherImage(session.name, session.hello.slots, error) : error;
  }
}
