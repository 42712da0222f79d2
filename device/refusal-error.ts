/** What a board refuses, in words: the codes of docs/PROTOCOL.md, section 7. */

import { STATE_GROUP } from '../protocol/wire/groups/messages-state.js';
import type { LayoutValue } from '../protocol/wire/layout.js';
import { BOARD_ERRORS, type ERROR } from '../protocol/wire/messages-board.js';
import { BoardError, boardHasNoImage, type BoardErrorCode, type BoardErrorVariant } from './board-error.js';

type Refusal = LayoutValue<typeof ERROR.layout>;

const STATE_REQUESTS: ReadonlySet<number> = new Set(STATE_GROUP.messages.map(({ type }) => type));

const SIZE_NAMES = ['vocabulary', 'hidden size', 'intermediate size', 'number of layers'] as const;

/** What a board's `ERROR` means: its code, the type of the request, and facts as in docs/PROTOCOL.md, section 7. */
export function boardRefuses(name: string, { code, request, factA, factB }: Refusal): BoardError {
  const refuse = (
    kind: BoardErrorCode,
    message: string,
    reason: string,
    fix: string,
    variant?: BoardErrorVariant,
  ): BoardError => {
    const facts = { board: name, board_code: code, fact_a: factA, fact_b: factB };
    return new BoardError(kind, `${name} ${message}`, { reason, fix, facts, variant });
  };
  const isUnheardOf = (): BoardError =>
    refuse(
      'board-malformed',
      'refuses a request',
      `Its error code is ${code} (facts ${factA}, ${factB}).`,
      'Report this to whoever made the firmware; docs/PROTOCOL.md, section 7, has the codes.',
    );
  // These codes speak of images here. A state has no fault that a board may find, as it was checked before.
  if (STATE_REQUESTS.has(request) && code >= BOARD_ERRORS.notAnImage) return isUnheardOf();
  switch (code) {
    case BOARD_ERRORS.unknownRequest:
      return refuse(
        'board-unknown-request',
        'does not know a request',
        'Its firmware does not carry out requests of this kind (docs/PROTOCOL.md, section 3).',
        'Update the firmware, or do without: boards that only know RESET and STEP generate and prove themselves.',
      );
    case BOARD_ERRORS.busy:
      return refuse(
        'board-busy',
        'is at work',
        factA === 0xffff_ffff ? 'An image is being flashed.' : `Run ${factA} is going on.`,
        'Wait for its end, or restart the board.',
      );
    case BOARD_ERRORS.noImage:
      return boardHasNoImage(name);
    case BOARD_ERRORS.notAnImage:
      return refuse(
        'board-refuses-image',
        'does not take the image',
        'It finds its head damaged.',
        'Check the file; nothing on the board was changed.',
        'head-damaged',
      );
    case BOARD_ERRORS.imageTooLarge:
      return refuse(
        'board-image-too-large',
        'has no room for the image',
        `The image has ${factA} bytes, a slot ${factB}.`,
        'Use a smaller model or a board with more flash; nothing on the board was changed.',
      );
    case BOARD_ERRORS.modelTooLarge:
      return refuse(
        'board-model-too-large',
        'is not made for this model',
        `Its ${SIZE_NAMES[factA - 1] ?? 'size'} may be at most ${factB}.`,
        'Use a smaller model or another board; nothing on the board was changed.',
      );
    case BOARD_ERRORS.revisionTooOld:
      return refuse(
        'board-revision-too-old',
        'refuses a model this old',
        `The image has revision ${factA}, allowed are ${factB} and later ones.`,
        'Pack with a higher revision; nothing on the board was changed.',
      );
    case BOARD_ERRORS.notSigned:
      return refuse(
        'board-not-signed',
        'takes signed images only',
        'The image is not signed, or with another key than the one the board demands.',
        'Sign it with the right key; nothing on the board was changed.',
      );
    case BOARD_ERRORS.signatureWrong:
      return refuse(
        'board-signature-wrong',
        'finds the signature wrong',
        'The image was changed after it was signed.',
        'Get the image again from whoever signed it; nothing on the board was changed.',
      );
    case BOARD_ERRORS.imageDamaged:
      return refuse(
        'board-write-failed',
        'finds the image damaged after writing',
        'What it reads back has other hashes than the image gives.',
        'Flash again; a board with two slots still runs the image from before. If that repeats, its software may be older than the image: update it.',
      );
    case BOARD_ERRORS.flashFailed:
    case BOARD_ERRORS.writeOutOfOrder:
      return refuse(
        'board-write-failed',
        'could not write its flash',
        `It failed at byte ${factA}.`,
        'Flash again; if that repeats, the flash chip is worn out.',
      );
    default:
      return isUnheardOf();
  }
}
