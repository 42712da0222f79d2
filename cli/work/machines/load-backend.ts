/** From the options `--board`, `--wait`, `--image` and `--backend` to something that computes tokens. */
import { whyNoGpu } from '../../../model/backends/gpu/device/gpu-presence.js';
import { MmfreeError } from '../../../protocol/errors.js';
import type { CommandContext } from '../../command.js';
import type { BackendName } from '../../commands/source-options.js';
import { UsageError } from '../../usage-error.js';
import { imageOrShipped, SHIPPED_IMAGE } from '../shipped.js';
import type { TokenSource } from './token-source.js';

/** The options, as the user gave them. */
export interface SourceInput {
  readonly board: string | undefined;
  readonly keyFile: string | undefined;
  readonly wait: number;
  readonly image: string | undefined;
  readonly backend: BackendName | undefined;
  /** Who samples if it is a board: the board unless given. */
  readonly sampling?: 'board' | 'host' | undefined;
}

/**
 * What the user named, or else the only board there is, or else the GPU if there is one, or else the reference; what nobody named is said.
 *
 * @throws ImageError; BoardError; GpuError; UsageError
 */
export async function loadTokenSource(input: SourceInput, context: CommandContext): Promise<TokenSource> {
  const { board, keyFile, image, backend, wait, sampling } = input;
  const isBoardMeant = board !== undefined || keyFile !== undefined || wait > 0 || sampling !== undefined;
  if (isBoardMeant && backend !== undefined) throw sampling === undefined ? twoSources() : samplingOfBoards();
  if (!isBoardMeant) {
    if (backend !== undefined) return await loadBackend(backend, imageOrShipped(image, context.output), context);
    if (image !== undefined) return await loadWhatThereIs(image, context);
    // Only now, because boards take time to load and to look for.
    const { onlyBoard } = await import('../../../device/discovery.js');
    if ((await onlyBoard()) === undefined) return await loadWhatThereIs(undefined, context);
  }
  const { loadBoard } = await import('./load-board.js');
  return await loadBoard(input, sampling ?? 'board', context);
}

/** The backend that the user named. @throws ImageError; GpuError */
async function loadBackend(name: BackendName, path: string, context: CommandContext): Promise<TokenSource> {
  if (name === 'reference') return await loadReference(path, context);
  if (name === 'simulator') {
    const { loadSimulator } = await import('./load-simulator.js');
    return await loadSimulator(path, context.signal);
  }
  const { loadGpu } = await import('./load-gpu.js');
  return await loadGpu(path, context, { software: true, text: true });
}

/** The GPU if there is one that is faster than the reference, else the reference, and says which. @throws ImageError */
async function loadWhatThereIs(image: string | undefined, context: CommandContext): Promise<TokenSource> {
  const { output } = context;
  const path = image ?? SHIPPED_IMAGE;
  const name = image ?? 'the shipped tales-9m';
  const why = whyNoGpu();
  if (why !== undefined) {
    // Who named an image reads where it ran at the end.
    if (image === undefined) output.note(`using ${name} on the processor; no GPU: ${why}`);
    return await loadReference(path, context);
  }
  try {
    // Only now: a computer without a GPU does not load what it takes to use one.
    const { loadGpu } = await import('./load-gpu.js');
    const loaded = await loadGpu(path, context, { software: false, text: true });
    output.note(`using ${name} on ${loaded.backend.model.gpu.name}`);
    return loaded;
  } catch (error) {
    // By name: the class is loaded with the rest.
    if (!(error instanceof MmfreeError && error.name === 'GpuError')) throw error;
    output.note(
      `using ${name} on the processor; ${error.message} (\`mmfree doctor\` says what to do): ${error.reason}`,
    );
    return await loadReference(path, context);
  }
}

/** Loaded when it is needed, as all of them: a GPU does without it. @throws ImageError */
async function loadReference(path: string, { signal }: CommandContext): Promise<TokenSource> {
  const reference = await import('./load-reference.js');
  return await reference.loadReference(path, signal);
}

function samplingOfBoards(): UsageError {
  return new UsageError('conflicting-options', '--sampling and --backend exclude each other', {
    reason:
      '--sampling says who chooses the tokens of a board; --backend names what computes on this computer and chooses itself.',
    fix: 'Leave one of them out.',
  });
}

function twoSources(): UsageError {
  return new UsageError('conflicting-options', '--board, --key-file or --wait and --backend exclude each other', {
    reason: 'A board computes by itself; --backend says what computes on this computer.',
    fix: 'Give one of them.',
  });
}
