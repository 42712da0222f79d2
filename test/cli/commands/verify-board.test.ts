/** `verify` with boards. */

import { writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { mmfree, mmfreeJson, startBoard, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import type { RunningBoard } from '../../helpers/command-line.js';
import { goodImage } from '../../helpers/good-image.js';

const path = temporaryFolder();
let board: RunningBoard | undefined;

beforeAll(() => writeFile(path('small'), goodImage(1)));

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(async () => {
  await board?.stop();
  board = undefined;
  vi.unstubAllEnvs();
});

describe('a board', () => {
  it('that computes right is bit-exact over self-test, random tokens and its own sampling', async () => {
    board = await startBoard('--image', TALES_IMAGE, '--serial-number', 'T-1');
    const { exit, stdout, stderr } = await mmfree('verify', '--board', 'T-1', '--tokens', '20');
    expect([exit, stderr.text]).toEqual([0, '']);
    expect(stdout.text).toMatch(
      /^bit-exact over 100 tokens: virtual T-1 computes .* \(self-test 16, random 20, sampled 64\)\n$/,
    );
    const { result } = await mmfreeJson('verify', '--board', 'T-1', '--tokens', '5');
    expect(result).toMatchObject({ exit: 0, tokens: 85, mismatches: 0, first_mismatch: null });
  });

  it.each([0, 3, 7])('with one bit changed in layer %i is named with token, layer and values', async (layer) => {
    board = await startBoard('--image', TALES_IMAGE, '--fault', `flip:${layer}`);
    const { result } = await mmfreeJson('verify', '--board', board.selector);
    const checksum = expect.stringMatching(/^[0-9a-f]{8}$/);
    expect(result).toMatchObject({
      exit: 9,
      tokens: 0,
      mismatches: 1,
      first_mismatch: {
        stream: 'self-test',
        position: 0,
        token: 0,
        layer: `layer ${layer}`,
        expected_tap: checksum,
        actual_tap: checksum,
        expected_receipt: '4c5aec6a',
        actual_receipt: checksum,
      },
    });
    const { stderr } = await mmfree('verify', '--board', board.selector);
    expect(stderr.text).toMatch(
      new RegExp(
        `^error: .* differs at token 0 of self-test \\(id 0\\)\ncause: layer ${layer}: expected [0-9a-f]{8}, got [0-9a-f]{8}`,
      ),
    );
  });

  it('is verified by the file of its image', async () => {
    board = await startBoard('--image', path('small'));
    expect((await mmfreeJson('verify', '--board', board.selector, '--image', path('small'))).result).toMatchObject({
      exit: 0,
    });
    expect((await mmfreeJson('verify', '--board', board.selector)).result).toMatchObject({ exit: 2 });
    expect((await mmfreeJson('verify', '--board', board.selector, '--image', TALES_IMAGE)).result).toMatchObject({
      exit: 7,
      error: { code: 'board-other-image' },
    });
  });

  it('is not verified beside something else', async () => {
    const options = ['--board', 'tcp:127.0.0.1:1', '--checkpoint', 'x', '--golden', 'y'];
    expect((await mmfreeJson('verify', ...options)).result).toMatchObject({ exit: 2 });
  });
});
