/** `mmfree verify --board`: a board against the reference on this computer. */
import { BoardError } from '../../device/board-error.js';
import { compareStream, selfTestStream, type ConformanceStream } from '../../model/backends/conformance.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import { threefry } from '../../model/integer/threefry.js';
import type { CommandContext } from '../command.js';
import { UsageError } from '../usage-error.js';
import { checkedTokens } from './checked-tokens.js';
import { loadBoard } from './load-board.js';
import { loadReference } from './load-backend.js';
import { MismatchError, receiptMismatch } from './mismatch-error.js';
import type { BoardInput } from './open-board.js';

/** Tokens that the board samples by itself. */
const SAMPLED_TOKENS = 64;

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
  const { output, signal } = context;
  const source = await loadBoard(input, 'board', context);
  const { backend: subject, imagePath, imageName } = source;
  try {
    if (imagePath === undefined) throw needsImage(imageName);
    const { backend: reference, view } = loadReference(imagePath);
    const { vocabSize, bosTokenId } = view.shape;
    const selfTest = selfTestStream(view.manifest);
    const random: ConformanceStream = {
      name: 'random tokens',
      tokens: Array.from({ length: randomTokens }, (_, index) => threefry(1, 0, index, 0) % vocabSize),
    };
    const total = selfTest.tokens.length + randomTokens + SAMPLED_TOKENS;
    const progress = output.progress({ label: 'verify', unit: 'tokens', total });
    let done = 0;
    const onToken = (): void => progress.update(++done);
    const startMs = performance.now();
    try {
      for (const stream of [selfTest, random]) {
        const mismatch = await compareStream(subject, reference, stream, { signal, onToken });
        if (mismatch !== undefined) throw receiptMismatch(subject.name, mismatch);
      }
      const sampler = samplerSettings({ temperature: 0.8, topK: 40, topP: 0.95, seed: 1n });
      const request = { prompt: [bosTokenId], maxTokens: SAMPLED_TOKENS, sampler, signal };
      try {
        for await (const _ of checkedTokens(subject, reference, request)) onToken();
      } catch (error) {
        if (!(error instanceof BoardError && error.code === 'board-unknown-request')) throw error;
        output.note(`${subject.name} does not sample by itself, which is not verified therefore`);
      }
      signal.throwIfAborted();
    } catch (error) {
      if (error instanceof MismatchError) {
        output.result({ backend: subject.name, tokens: done, mismatches: 1, first_mismatch: error.facts });
      }
      throw error;
    } finally {
      progress.end();
    }
    const seconds = (performance.now() - startMs) / 1000;
    output.result({
      backend: subject.name,
      tokens: done,
      mismatches: 0,
      first_mismatch: null,
      tokens_per_second: done / seconds,
    });
    output.print(
      `bit-exact over ${done} tokens: ${subject.name} computes ${imageName} as the reference does ` +
        `(self-test ${selfTest.tokens.length}, random ${randomTokens}, sampled ${done - selfTest.tokens.length - randomTokens})\n`,
    );
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
