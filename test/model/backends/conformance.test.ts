import { describe, expect, it } from 'vitest';
import type { Backend, StepRecord } from '../../../model/backends/backend.js';
import { compareStream } from '../../../model/backends/conformance.js';
import { readModelWeights, residentBytes } from '../../../model/integer/model-weights.js';
import { ReferenceBackend } from '../../../model/backends/reference-backend.js';
import type { ModelSections } from '../../../protocol/image/model-shape.js';
import { randomModel } from '../../oracle/random-model.js';

const sections = randomModel(5, { shape: { layers: 3 } });
const tokens = Array.from({ length: 40 }, (_, k) => (k * 7) % 53);

function backendOf(model: ModelSections): Backend {
  return new ReferenceBackend(readModelWeights(residentBytes(model)));
}

/** The same model with one ternary weight changed in the first matrix of layer `layer`. */
function damaged(layer: number): ModelSections {
  const ternary = sections.ternary.slice();
  const layerBytes = (sections.ternary.length - Math.ceil(53 / 5) * 33) / 3;
  const at = layer * layerBytes + 40;
  ternary[at] = ((ternary[at] ?? 0) + 1) % 243;
  return { ...sections, ternary };
}

/** Answers as the reference, but lies about one receipt. */
class Liar extends ReferenceBackend {
  readonly #position: number;

  constructor(model: ModelSections, position: number) {
    super(readModelWeights(residentBytes(model)));
    this.#position = position;
  }

  override replay(
    given: readonly number[],
    options: { readonly taps: boolean },
    onStep: (record: StepRecord) => void,
  ): Promise<void> {
    return super.replay(given, options, (record) =>
      onStep(record.token === tokens[this.#position] ? { ...record, receipt: record.receipt ^ 1 } : record),
    );
  }
}

describe('compareStream', () => {
  it('finds nothing between equals, and says how many tokens agree', async () => {
    let agreed = 0;
    const mismatch = await compareStream(
      backendOf(sections),
      backendOf(sections),
      { name: 'random', tokens },
      { onToken: () => agreed++ },
    );
    expect(mismatch).toBeUndefined();
    expect(agreed).toBe(tokens.length);
  });

  it.each([0, 1, 2])('names the layer of a single changed weight: %i', async (layer) => {
    const mismatch = await compareStream(
      backendOf(damaged(layer)),
      backendOf(sections),
      { name: 'random', tokens },
      {},
    );
    expect(mismatch?.layer?.tap).toBe(layer + 1);
    expect(mismatch?.layer?.actual).not.toBe(mismatch?.layer?.expected);
  });

  it('compares with recorded receipts, without a second backend', async () => {
    const receipts: number[] = [];
    await backendOf(sections).replay(tokens, { taps: false }, ({ receipt }) => receipts.push(receipt));
    expect(
      await compareStream(backendOf(sections), undefined, { name: 'self-test', tokens, receipts }, {}),
    ).toBeUndefined();
    receipts[17] = 0;
    expect(
      await compareStream(backendOf(sections), undefined, { name: 'self-test', tokens, receipts }, {}),
    ).toMatchObject({ stream: 'self-test', position: 17, token: tokens[17], expectedReceipt: 0 });
  });

  it('blames no layer when only the receipt differs', async () => {
    const mismatch = await compareStream(new Liar(sections, 20), backendOf(sections), { name: 'random', tokens }, {});
    expect(mismatch?.position).toBe(20);
    expect(mismatch?.layer).toBeUndefined();
  });
});
