import { describe, expect, it } from 'vitest';
import { compareStream } from '../../engine/same-bits.js';
import type { ModelSections } from '../../protocol/image/model-shape.js';
import type { FeedOptions, Sequence, StepRecord } from '../../model/machine/machine.js';
import { receiptsOf, referenceSequence } from '../helpers/machines.js';
import { randomModel } from '../oracle/random-model.js';

const sections = randomModel(5, { shape: { layers: 3 } });
const tokens = Array.from({ length: 40 }, (_, k) => (k * 7) % 53);

/** The same model with one ternary weight changed in the first matrix of layer `layer`. */
function damaged(layer: number): ModelSections {
  const ternary = sections.ternary.slice();
  const layerBytes = (sections.ternary.length - Math.ceil(53 / 5) * 33) / 3;
  const at = layer * layerBytes + 40;
  ternary[at] = ((ternary[at] ?? 0) + 1) % 243;
  return { ...sections, ternary };
}

/** Answers as the reference, but lies about one receipt. */
function liar(honest: Sequence, position: number): Sequence {
  async function* feed(given: readonly number[], options?: FeedOptions): AsyncGenerator<StepRecord> {
    for await (const record of honest.feed(given, options)) {
      yield record.token === tokens[position] ? { ...record, receipt: record.receipt ^ 1 } : record;
    }
  }
  return {
    position: 0,
    feed,
    generate: (request) => honest.generate(request),
    save: () => honest.save(),
    restore: (state) => honest.restore(state),
    reset: () => honest.reset(),
    close: () => honest.close(),
  };
}

/** Two sequences to compare. */
async function pair(
  model: ModelSections,
  change: (honest: Sequence) => Sequence = (honest) => honest,
): Promise<{ readonly name: string; readonly subject: Sequence; readonly reference: Sequence }> {
  const subject = change(await referenceSequence(model));
  return { name: 'subject', subject, reference: await referenceSequence(sections) };
}

describe('compareStream', () => {
  it('finds nothing between equals, and says how many tokens agree', async () => {
    let agreed = 0;
    const mismatch = await compareStream(await pair(sections), { name: 'random', tokens }, { onToken: () => agreed++ });
    expect(mismatch).toBeUndefined();
    expect(agreed).toBe(tokens.length);
  });

  it.each([0, 1, 2])('names the layer of a single changed weight: %i', async (layer) => {
    const mismatch = await compareStream(await pair(damaged(layer)), { name: 'random', tokens }, {});
    expect(mismatch?.layer?.tap).toBe(layer + 1);
    expect(mismatch?.layer?.actual).not.toBe(mismatch?.layer?.expected);
  });

  it('compares with recorded receipts, without a second backend', async () => {
    const subject = await referenceSequence(sections);
    const receipts = await receiptsOf(subject, tokens);
    const stream = { name: 'self-test', tokens, receipts };
    expect(await compareStream({ name: 'subject', subject }, stream, {})).toBeUndefined();
    receipts[17] = 0;
    expect(await compareStream({ name: 'subject', subject }, stream, {})).toMatchObject({
      stream: 'self-test',
      position: 17,
      token: tokens[17],
      expectedReceipt: 0,
    });
  });

  it('blames no layer when only the receipt differs', async () => {
    const lying = await pair(sections, (honest) => liar(honest, 20));
    const mismatch = await compareStream(lying, { name: 'random', tokens }, {});
    expect(mismatch?.position).toBe(20);
    expect(mismatch?.layer).toBeUndefined();
  });
});
