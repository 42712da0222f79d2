/** Options of `mmfree train --plan`; what a plan says is tested beside training, in train.test.ts. */
import { describe, expect, it } from 'vitest';
import { mmfree, mmfreeJson } from '../../helpers/command-line.js';

describe('a plan of training', () => {
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
