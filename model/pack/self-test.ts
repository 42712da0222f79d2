/** The self-test that a packer records in the image: a short greedy run, whose receipts every machine must repeat. */
import type { ImagePlan } from '../../protocol/image/image-writer.js';
import type { SelfTest } from '../../protocol/image/manifest.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { ternaryWeights } from '../../protocol/image/tensors.js';
import { FileSource } from '../image-file.js';
import { IntegerModel } from '../integer/integer-model.js';
import { readModelWeights, type WeightBytes } from '../integer/model-weights.js';
import { runThread } from '../thread.js';
import { streamedBytes } from '../weight-image.js';

/** Tokens of the self-test's continuation: as many as about 400 M weights pay for, 2 to 16. */
export function selfTestLength(shape: ModelShape): number {
  return Math.max(2, Math.min(16, Math.floor(400e6 / ternaryWeights(shape))));
}

/** What the thread of a self-test is started with. */
export interface SelfTestJob {
  readonly path: string;
  readonly shape: ModelShape;
  readonly sections: ImagePlan['layout']['sections'];
  readonly length: number;
}

/**
 * A token of a larger model takes longer than Ctrl-C may wait; a smaller one is through before a thread would have
 * started.
 */
const THREAD_FROM_WEIGHTS = 50e6;

/**
 * {@link selfTestOf} on the weights of an image as they were written, of a large one in a thread.
 *
 * @throws the signal's reason
 */
export async function runSelfTest(path: string, plan: ImagePlan, signal: AbortSignal | undefined): Promise<SelfTest> {
  const { model: shape, continuationLength: length } = plan.outline;
  const job: SelfTestJob = { path, shape, sections: plan.layout.sections, length };
  if (ternaryWeights(shape) < THREAD_FROM_WEIGHTS) return selfTestOfFile(job);
  const made: SelfTest[] = [];
  await runThread<SelfTest>('dist/model/pack/self-test-thread.js', job, {
    signal,
    onMessage: (selfTest) => made.push(selfTest),
  });
  return made[0];
}

/** Reads the weights for each token again, so that memory does not grow with the model. */
export function selfTestOfFile({ path, shape, sections, length }: SelfTestJob): SelfTest {
  const source = new FileSource(path);
  try {
    return selfTestOf(streamedBytes(source, shape, sections), length);
  } finally {
    source.close();
  }
}

/** Greedy continuation of the beginning-of-text token, by the integer model. */
export function selfTestOf(weights: WeightBytes, length: number): SelfTest {
  const { bosTokenId } = weights.shape;
  const model = new IntegerModel(readModelWeights(weights));
  const tokens = new Uint32Array(length);
  const receipts = new Uint32Array(length);
  let next = bosTokenId;
  for (let k = 0; k < length; k++) {
    model.step(next);
    receipts[k] = model.receipt();
    next = greedy(model.logits);
    tokens[k] = next;
  }
  return { prompt: Uint32Array.of(bosTokenId), tokens, receipts };
}

/** The largest logit; the lowest id of equals. */
function greedy(logits: Int32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  return best;
}
