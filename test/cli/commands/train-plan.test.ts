/** `mmfree train --plan`: what a run would take. */
import { describe, expect, it } from 'vitest';
import { mmfree, mmfreeJson } from '../../helpers/command-line.js';
import { hasGpu } from '../../helpers/gpu.js';

describe('a plan of training', () => {
  it.runIf(hasGpu)(
    'says memory and time of a shape on this adapter',
    async () => {
      const args = [
        'train',
        '--plan',
        '100K',
        '--tokens',
        '1000000',
        '--context',
        '16',
        '--batch',
        '4',
        '--vocab',
        '300',
      ];
      const { exit, result } = await mmfreeJson(...args);
      expect(exit).toBe(0);
      // Matrices, norms and lower bounds of two layers, embedding and head.
      const [h, i, v] = [48, 128, 300];
      const weights = 2 * v * h + 2 * (4 * h * h + 3 * h * i) + 2 * (8 * h + i) + 2 * h + 2 * h;
      expect(result).toMatchObject({
        shape: '100K',
        tokens: 1e6,
        micro_batch: 4,
        verdict: expect.any(String),
        weights,
      });
      const rate = Number(result['tokens_per_second']);
      expect(Number(result['hours']) * 3600 * rate).toBeCloseTo(1e6, 0);
      // Parameters, gradients and two moments, and more.
      expect(Number(result['gpu_bytes'])).toBeGreaterThan(16 * weights);
    },
    120_000,
  );

  it.each([
    [['--plan', '4M', '--rate', '0.1'], '--rate'],
    [['--plan', '4M', 'tales.txt'], 'text'],
    [['--plan', '4M', '--half'], '--half'],
  ])('takes no option that it does not depend on: %j', async (args, name) => {
    const { exit, result } = await mmfreeJson('train', ...args);
    expect(exit).toBe(2);
    expect(result['error']).toMatchObject({ code: 'conflicting-options', message: expect.stringContaining(name) });
  });

  it('is no excuse for a missing text or folder', async () => {
    expect((await mmfree('train', '-o', 'x')).stderr.text).toContain('<text...> is missing');
    expect((await mmfree('train', 'x')).stderr.text).toContain('--output <folder> is missing');
  });
});
