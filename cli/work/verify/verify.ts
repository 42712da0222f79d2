/** `mmfree verify`: the work. */
import { access } from 'node:fs/promises';
import { compareStream, selfTestStream } from '../../../model/backends/conformance.js';
import { FloatModel } from '../../../model/measure/float-model.js';
import { compareWithGolden, readGolden } from '../../../model/measure/golden.js';
import type { BackendName } from '../../commands/source-options.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { compareWithReference } from './compare-with-reference.js';
import { loadReference } from '../machines/load-reference.js';
import { loadSimulator } from '../machines/load-simulator.js';
import { goldenMismatch, receiptMismatch } from './mismatch-error.js';
import { openCheckpointAloud } from '../open-checkpoint.js';
import { imageOrShipped } from '../shipped.js';

interface VerifyInput {
  readonly board: string | undefined;
  readonly keyFile: string | undefined;
  readonly wait: number;
  readonly image: string | undefined;
  readonly backend: BackendName | undefined;
  readonly tokens: number;
  readonly checkpoint: string | undefined;
  readonly golden: string | undefined;
  readonly tolerance: number;
}

export async function verify(input: VerifyInput, context: CommandContext): Promise<void> {
  const { checkpoint, golden, board, image, backend } = input;
  const isBoardMeant = board !== undefined || input.keyFile !== undefined || input.wait > 0;
  if (isBoardMeant && checkpoint === undefined && golden === undefined && backend === undefined) {
    const { verifyBoard } = await import('./board.js');
    await verifyBoard(input, input.tokens, context);
  } else if (!isBoardMeant && checkpoint !== undefined && golden !== undefined && image === undefined) {
    await verifyFloatModel(checkpoint, golden, input.tolerance, context);
  } else if (!isBoardMeant && checkpoint === undefined && golden === undefined) {
    const path = imageOrShipped(image, context.output);
    if (backend === 'gpu') await verifyGpu(path, input.tokens, context);
    else if (backend === 'simulator') await verifySimulator(path, input.tokens, context);
    else await verifyImage(path, context);
  } else {
    throw new UsageError('conflicting-options', 'these options do not go together', {
      reason:
        'A board is compared with the reference, a checkpoint with logits from PyTorch, an image with its self-test.',
      fix: 'Give --board with or without --image, or --checkpoint and --golden, or --image alone.',
    });
  }
}

/** The image's self-test, recorded by the packer, on this machine. */
async function verifyImage(path: string, { output, signal }: CommandContext): Promise<void> {
  const { backend, view } = await loadReference(path, signal);
  const stream = selfTestStream(view.manifest);
  const progress = output.progress({ label: 'verify', unit: 'tokens', total: stream.tokens.length });
  let done = 0;
  const mismatch = await compareStream(backend, undefined, stream, {
    signal,
    onToken: () => progress.update(++done),
  });
  progress.end();
  await backend.close();
  signal.throwIfAborted();
  const error = mismatch && receiptMismatch(backend.name, mismatch);
  output.result({
    backend: backend.name,
    tokens: done,
    mismatches: error ? 1 : 0,
    first_mismatch: error?.facts ?? null,
  });
  if (error) throw error;
  output.print(`bit-exact over ${done} tokens: ${backend.name} repeats the self-test of ${path}\n`);
}

/** The GPU against the reference on this computer: self-test, random tokens, sampling. */
async function verifyGpu(path: string, randomTokens: number, context: CommandContext): Promise<void> {
  const { loadGpu } = await import('../machines/load-gpu.js');
  const { backend: subject, view } = await loadGpu(path, context, { software: true });
  try {
    context.output.note(`comparing ${subject.model.gpu.name} with the reference`);
    const { backend: reference } = await loadReference(path, context.signal);
    const { manifest } = view;
    await compareWithReference({ subject, reference, manifest, imageName: path }, randomTokens, context);
  } finally {
    await subject.close();
  }
}

/** The program of the gateware, by the simulator, against the reference. */
async function verifySimulator(path: string, randomTokens: number, context: CommandContext): Promise<void> {
  const { backend: subject, view } = await loadSimulator(path, context.signal);
  const { backend: reference } = await loadReference(path, context.signal);
  const { manifest } = view;
  await compareWithReference({ subject, reference, manifest, imageName: path }, randomTokens, context);
}

/** The float model against logits from PyTorch. */
async function verifyFloatModel(
  folder: string,
  goldenPath: string,
  tolerance: number,
  context: CommandContext,
): Promise<void> {
  const { output, signal } = context;
  // Or a mistyped path would be taken for a missing part of a checkpoint.
  await access(goldenPath);
  const golden = await readGolden(goldenPath);
  const checkpoint = await openCheckpointAloud(folder, context);
  let model: FloatModel;
  try {
    model = await FloatModel.load(checkpoint);
  } finally {
    await checkpoint.close();
  }
  const progress = output.progress({ label: 'verify', unit: 'tokens', total: golden.sequences * golden.length });
  let done = 0;
  const comparison = await compareWithGolden(model, golden, goldenPath, () => {
    signal.throwIfAborted();
    progress.update(++done);
  });
  progress.end();
  const { tokens, maxAbsDiff, meanAbsDiff, argmaxAgreement } = comparison;
  output.result({
    tokens,
    max_abs_diff: maxAbsDiff,
    mean_abs_diff: meanAbsDiff,
    argmax_agreement: argmaxAgreement,
    tolerance,
  });
  output.print(
    `max_abs_diff ${maxAbsDiff.toExponential(2)}  mean_abs_diff ${meanAbsDiff.toExponential(2)}  argmax_agreement ${argmaxAgreement}/${tokens}\n`,
  );
  // Also when it is NaN.
  if (!(maxAbsDiff <= tolerance)) throw goldenMismatch(maxAbsDiff, tolerance);
}
