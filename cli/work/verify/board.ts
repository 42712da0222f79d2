/** `mmfree verify --board`: a board against the reference on this computer. */
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { compareWithReference } from './compare-with-reference.js';
import { loadBoard } from '../machines/load-board.js';
import { loadReference } from '../machines/load-reference.js';
import type { BoardInput } from '../machines/open-board.js';

/**
 * Self-test, random tokens, and a run that the board samples.
 *
 * @throws MismatchError; BoardError; ImageError; UsageError
 */
export async function verifyBoard(
  input: BoardInput & { readonly image: string | undefined },
  randomTokens: number,
  context: CommandContext,
): Promise<void> {
  const source = await loadBoard(input, 'board', context);
  const { backend: subject, imagePath, imageName } = source;
  try {
    if (imagePath === undefined) throw needsImage(imageName);
    const { backend: reference, view } = await loadReference(imagePath, context.signal);
    await compareWithReference({ subject, reference, manifest: view.manifest, imageName }, randomTokens, context);
  } finally {
    await subject.close();
  }
}

function needsImage(imageName: string): UsageError {
  return new UsageError('missing-option', `--image is missing: the file of ${imageName}`, {
    reason: 'The reference computes on this computer, from the image.',
    fix: 'Name the file that was flashed with --image.',
  });
}
