/** What is no weight is found while an image is loaded: no more and no less than the check of images finds. */
import { describe, expect, it } from 'vitest';
import { openCpu } from '../../../../model/backends/cpu/node/open-cpu.js';
import { TRITS_PER_BYTE, type ModelSections } from '../../../../protocol/image/model-shape.js';
import { placeMatrices } from '../../../../protocol/image/tensors.js';
import { verifyWeights } from '../../../../protocol/image/weight-checks.js';
import { imageOf } from '../../../helpers/cpu.js';
import { TEST_IMAGE } from '../../../helpers/machines.js';
import { randomModel } from '../../../oracle/random-model.js';

/** Sizes that are no multiple of anything: the last group of most matrices has rows that are missing. */
const sections = randomModel(31, { shape: { hiddenSize: 37, intermediateSize: 66, vocabSize: 53 } });

describe('loading', () => {
  it('says of matrices what the check says', async () => {
    const { layers, head } = placeMatrices(sections.shape);
    const [first, last] = [layers[0]!, head];
    const ends = [0, first.columns - 1, first.length - first.columns, first.length - 1];
    const places = [...ends.map((at) => first.offset + at), last.offset, last.offset + last.length - 1];
    for (const at of places) {
      for (const byte of [242, 243, 255, 0]) {
        const changed = withByte(at, byte);
        expect([at, byte, await verdictOf(changed, load)]).toEqual([at, byte, await verdictOf(changed, check)]);
      }
    }
    // Otherwise the last group is one like the others, and half of this says nothing.
    expect([first, last].filter(({ rows }) => rows % TRITS_PER_BYTE !== 0)).not.toEqual([]);
  });
});

function withByte(at: number, byte: number): ModelSections {
  const ternary = Uint8Array.from(sections.ternary);
  ternary[at] = byte;
  return { ...sections, ternary };
}

async function load(changed: ModelSections): Promise<void> {
  const machine = await openCpu(imageOf(changed), TEST_IMAGE, { threads: 1 });
  await machine.close();
}

async function check(changed: ModelSections): Promise<void> {
  const { source, view } = imageOf(changed);
  await Promise.resolve(verifyWeights(source, view));
}

async function verdictOf(changed: ModelSections, work: (changed: ModelSections) => Promise<void>): Promise<unknown> {
  try {
    await work(changed);
    return 'sound';
  } catch (error) {
    const { name, code, facts } = error as Error & { code?: unknown; facts?: unknown };
    return [name, code, facts];
  }
}
