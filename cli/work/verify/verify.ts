/** `mmfree verify`: the work. */
import { access } from 'node:fs/promises';
import { REFERENCE } from '../../../engine/machines.js';
import { goldenMismatch } from '../../../engine/mismatch-error.js';
import { FloatModel } from '../../../model/measure/float-model.js';
import { compareWithGolden, readGolden } from '../../../model/measure/golden.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { openMachine } from '../machines/open-machine.js';
import { asksForBoard, type SourceInput } from '../machines/source-input.js';
import { verifyGradients } from './verify-gradients.js';
import { verifyMachine } from './verify-machine.js';
import { openCheckpointAloud } from '../open-checkpoint.js';

interface VerifyInput extends Omit<SourceInput, 'sampling'> {
  readonly tokens: number;
  readonly checkpoint: string | undefined;
  readonly golden: string | undefined;
  readonly gradients: string | undefined;
  readonly tolerance: number | undefined;
}

/** Largest difference of a logit that passes unless told otherwise. */
const LOGIT_TOLERANCE = 1e-4;

export async function verify(input: VerifyInput, context: CommandContext): Promise<void> {
  const { checkpoint, golden, gradients, image, backend } = input;
  const isBoardMeant = asksForBoard(input);
  const isFloatMeant = checkpoint !== undefined || golden !== undefined || gradients !== undefined;
  if (!isFloatMeant && !(isBoardMeant && backend !== undefined)) {
    // What is compared is named: no machine is looked for.
    const named = isBoardMeant ? undefined : (backend ?? REFERENCE.kind);
    const opened = await openMachine({ ...input, backend: named }, context);
    try {
      await verifyMachine(opened, input.tokens, context);
    } finally {
      await opened.machine.close();
    }
  } else if (!isBoardMeant && checkpoint !== undefined && golden !== undefined && image === undefined) {
    if (gradients === undefined) {
      await verifyFloatModel(checkpoint, golden, input.tolerance ?? LOGIT_TOLERANCE, context);
    } else {
      await verifyGradients({ checkpoint, golden, gradients, tolerance: input.tolerance, backend }, context);
    }
  } else {
    throw new UsageError('conflicting-options', 'these options do not go together', {
      reason:
        'A board is compared with the reference, a checkpoint with logits or gradients from PyTorch, an image with its self-test.',
      fix: 'Give --board with or without --image, or --checkpoint and --golden (and --gradients), or --image alone.',
    });
  }
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
