/** From the options `--board`, `--wait`, `--image` and `--backend` to something that computes tokens. */
import { ReferenceBackend } from '../../model/backends/reference-backend.js';
import { ImageFile } from '../../model/image-file.js';
import { readModelWeights } from '../../model/integer/model-weights.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import type { CommandContext } from '../command.js';
import { UsageError } from '../usage-error.js';
import { imageOrShipped } from './shipped.js';
import type { TokenSource } from './token-source.js';

/** The options, as the user gave them. */
export interface SourceInput {
  readonly board: string | undefined;
  readonly wait: number;
  readonly image: string | undefined;
  readonly backend: 'reference' | undefined;
}

/** A backend on this computer and the image it runs. */
export interface LoadedReference extends TokenSource {
  readonly view: ImageView;
}

/** Reads and checks an image, every byte of it. @throws ImageError */
export function loadReference(path: string): LoadedReference {
  const image = ImageFile.openChecked(path);
  try {
    const backend = new ReferenceBackend(readModelWeights(image.residentWeights()));
    const tokenizerJson = image.section('tokenizer');
    return { backend, view: image.view, tokenizerJson, imageName: path, imagePath: path };
  } finally {
    image.close();
  }
}

/**
 * What the user named, or else the only board there is, or else the shipped image on this computer, which is said.
 *
 * @param sampling who samples if it is a board
 * @throws ImageError; BoardError; UsageError
 */
export async function loadTokenSource(
  input: SourceInput,
  context: CommandContext,
  sampling: 'board' | 'host' = 'board',
): Promise<TokenSource> {
  const { board, image, backend, wait } = input;
  const isBoardMeant = board !== undefined || wait > 0;
  if (isBoardMeant && backend !== undefined) throw twoSources();
  if (!isBoardMeant) {
    if (backend !== undefined || image !== undefined) return loadReference(imageOrShipped(image, context.output));
    // Only now, because boards take time to load and to look for.
    const { onlyBoard } = await import('../../device/discovery.js');
    if ((await onlyBoard()) === undefined) return loadReference(imageOrShipped(undefined, context.output));
  }
  const { loadBoard } = await import('./load-board.js');
  return await loadBoard(input, sampling, context);
}

function twoSources(): UsageError {
  return new UsageError('conflicting-options', '--board or --wait and --backend exclude each other', {
    reason: 'A board computes by itself; --backend says what computes on this computer.',
    fix: 'Give one of them.',
  });
}
