import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../model/checkpoint/checkpoint.js';
import { FloatModel } from '../../../model/measure/float-model.js';
import { compareWithGolden, readGolden } from '../../../model/measure/golden.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));

describe('FloatModel', () => {
  it('gives the logits of the published PyTorch code on golden-a', async () => {
    const checkpoint = await openCheckpoint(fixture('golden-a'));
    const model = await FloatModel.load(checkpoint);
    await checkpoint.close();
    const path = fixture('golden-a/golden.safetensors');
    const comparison = await compareWithGolden(model, await readGolden(path), path, () => {});
    expect(comparison.tokens).toBe(96);
    expect(comparison.argmaxAgreement).toBe(96);
    // The published code computes in float32, this one in double precision.
    expect(comparison.maxAbsDiff).toBeLessThan(1e-5);
  });

  it('notices logits of another model', async () => {
    const checkpoint = await openCheckpoint(fixture('golden-a'));
    const model = await FloatModel.load(checkpoint);
    await checkpoint.close();
    const path = fixture('golden-a/golden.safetensors');
    const golden = await readGolden(path);
    golden.logits[512 * 20] = NaN;
    expect((await compareWithGolden(model, golden, path, () => {})).maxAbsDiff).toBeNaN();
  });
});
