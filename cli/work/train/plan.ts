/** `mmfree train --plan`: what a run would take on this computer's card, and whether it belongs on it. */
import { parseConfig } from '../../../model/checkpoint/read-config.js';
import { microBatchOf } from '../../../model/train/run/recipe.js';
import { chooseWindows } from '../../../model/train/run/run-choice.js';
import { planTraining, type TrainingPlan } from '../../../model/train/run/training-plan.js';
import { rowFloatsOf } from '../../../model/train/run/train-steps.js';
import { parameterLayout, weightsOf } from '../../../model/train/gpu/parameter-layout.js';
import { configJsonOf, type ShapeName } from '../../../model/train/shapes.js';
import type { CommandContext } from '../../command.js';
import { memoryOf } from './choose-run.js';
import { openAnyGpu } from './open-any-gpu.js';
import { VOCABULARY, type GivenRun } from './train-input.js';

/** What a weight should see, by arXiv 2203.15556. */
const TOKENS_PER_WEIGHT = 20;
/** A run of more hours is not one for a single card. */
const MOST_HOURS = 24;

export async function explainPlan(shape: ShapeName, given: GivenRun, context: CommandContext): Promise<void> {
  const { output } = context;
  const gpu = await openAnyGpu(context);
  try {
    const { vocab = VOCABULARY } = given;
    const json = configJsonOf(shape, { vocabulary: vocab, bosId: 0, eosId: 0 });
    const config = parseConfig(new TextEncoder().encode(json), 'config.json');
    const tokens = given.tokens ?? TOKENS_PER_WEIGHT * weightsOf(parameterLayout(config));
    const windows = chooseWindows(tokens, Infinity, given);
    const [length, batch] = [windows.context.value, windows.batch.value];
    const microBatch = microBatchOf(batch, length, rowFloatsOf(config), memoryOf(gpu));
    output.note(`measuring ${gpu.name}`);
    const found = await planTraining(gpu, config, { context: length, batch, microBatch });
    const hours = tokens / found.tokensPerSecond / 3600;
    const verdict = verdictOn(found, hours);
    const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
    output.print(
      `${shape}: ${found.weights.toLocaleString('en-US')} weights, ${tokens.toLocaleString('en-US')} tokens\n` +
        `memory  ${gibibytes(found.gpuBytes)} on the GPU, ${gibibytes(found.largest.bytes)} of it in one buffer (${found.largest.name})\n` +
        `speed   ${Math.round(found.tokensPerSecond).toLocaleString('en-US')} tokens/s on ${gpu.name}\n` +
        `time    ${hours < 1 ? `${(60 * hours).toFixed(1)} minutes` : `${hours.toFixed(1)} hours`}\n\n${ADVICE[verdict]}\n`,
    );
    output.result({
      shape,
      weights: found.weights,
      tokens,
      context: length,
      batch,
      micro_batch: microBatch,
      gpu: gpu.name,
      gpu_bytes: found.gpuBytes,
      largest_buffer: found.largest,
      tokens_per_second: found.tokensPerSecond,
      hours,
      verdict,
      advice: ADVICE[verdict],
    });
  } finally {
    gpu.destroy();
  }
}

type Verdict = 'here' | 'too-large' | 'too-long';

function verdictOn({ fits }: TrainingPlan, hours: number): Verdict {
  if (!fits) return 'too-large';
  return hours > MOST_HOURS ? 'too-long' : 'here';
}

const ELSEWHERE =
  'Train it with PyTorch and its published code on several cards: checkpoints go both ways, `mmfree pack` and `--from` take what `save_pretrained` writes.';

const ADVICE: Readonly<Record<Verdict, string>> = {
  here: 'This card does it. How much memory is free, `nvidia-smi` or its like says: WebGPU does not.',
  'too-large': `One buffer is larger than this adapter binds. ${ELSEWHERE}`,
  'too-long': `That is more than a day on this card. Take a smaller shape or fewer tokens; or else: ${ELSEWHERE}`,
};
