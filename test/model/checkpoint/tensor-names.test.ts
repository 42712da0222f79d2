import { describe, expect, test } from 'vitest';

import { parseConfig } from '../../../model/checkpoint/read-config.js';
import { blockNames, expectedTensors, HEAD, LOWER_BOUNDS } from '../../../model/checkpoint/tensor-names.js';
import type { ModelConfig } from '../../../model/config.js';

function configOf(values: object): ModelConfig {
  return parseConfig(new TextEncoder().encode(JSON.stringify({ model_type: 'hgrn_bit', ...values })), 'config.json');
}

describe('expectedTensors', () => {
  // Ternary weights of the released checkpoints, in millions (arXiv 2406.02528): all matrices but the embedding.
  test.each([
    ['370M', { hidden_size: 1024, num_hidden_layers: 24 }, 341.0],
    ['1.3B', { hidden_size: 2048, num_hidden_layers: 24 }, 1298.7],
    ['2.7B', { hidden_size: 2560, num_hidden_layers: 32 }, 2619.5],
  ])('the %s model has the published number of ternary weights', (_title, values, millions) => {
    const ternary = [...expectedTensors(configOf(values))].filter(([name]) => /(_proj|lm_head)\.weight$/.test(name));
    const weights = ternary.reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size, 1), 0);
    expect(Math.round(weights / 1e5) / 10).toBe(millions);
  });

  test('lower bounds are a tensor only when they are used', () => {
    expect(expectedTensors(configOf({})).get(LOWER_BOUNDS)).toEqual([24, 2048]);
    expect(expectedTensors(configOf({ use_lower_bound: false })).has(LOWER_BOUNDS)).toBe(false);
  });

  test('the norm of a BitLinear is as wide as its input', () => {
    const tensors = expectedTensors(configOf({ hidden_size: 64, intermediate_size: 200, vocab_size: 99 }));
    const { down, gateUp } = blockNames(23);
    expect(tensors.get(down.norm)).toEqual([200]);
    expect(tensors.get(gateUp.weight)).toEqual([400, 64]);
    expect(tensors.get(HEAD.norm)).toEqual([64]);
  });
});
