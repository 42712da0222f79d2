/** The self-test that a packer records in the image: a short greedy run, whose receipts every machine must repeat. */
import type { ImagePlan } from '../../protocol/image/image-writer.js';
import type { SelfTest } from '../../protocol/image/manifest.js';
import { ternaryWeights, type ModelShape } from '../../protocol/image/model-shape.js';
import { FileSource, streamedBytes } from '../image-file.js';
import { IntegerModel } from '../integer/integer-model.js';
import { readModelWeights } from '../integer/model-weights.js';

/** Tokens of the self-test's continuation: as many as about 400 M weights pay for, 2 to 16. */
export function selfTestLength(shape: ModelShape): number {
  return Math.max(2, Math.min(16, Math.floor(400e6 / ternaryWeights(shape))));
}

/** Greedy continuation of the beginning-of-text token, by the integer model on the weights as written. */
export function runSelfTest(path: string, plan: ImagePlan, signal: AbortSignal | undefined): SelfTest {
  const { model: shape, continuationLength } = plan.outline;
  const source = new FileSource(path);
  try {
    const model = new IntegerModel(readModelWeights(streamedBytes(source, shape, plan.layout.sections)));
    const prompt = Uint32Array.of(shape.bosTokenId);
    const tokens = new Uint32Array(continuationLength);
    const receipts = new Uint32Array(continuationLength);
    let next = shape.bosTokenId;
    for (let k = 0; k < continuationLength; k++) {
      signal?.throwIfAborted();
      model.step(next);
      receipts[k] = model.receipt();
      next = greedy(model.logits);
      tokens[k] = next;
    }
    return { prompt, tokens, receipts };
  } finally {
    source.close();
  }
}

/** The largest logit; the lowest id of equals. */
function greedy(logits: Int32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  return best;
}
