import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { GOLDEN_A, mmfree, mmfreeJson, TALES, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { hasGpu } from '../../helpers/gpu.js';
import { tinyImage, tinySections } from '../../helpers/tiny-image.js';
import { BigIntModel } from '../../oracle/bigint-model.js';

const path = temporaryFolder();
const GOLDEN = join(GOLDEN_A, 'golden.safetensors');

describe('an image', () => {
  it('is verified on this machine by its self-test', async () => {
    const { exit, result } = await mmfreeJson('verify', '--image', TALES_IMAGE);
    expect(exit).toBe(0);
    expect(result).toMatchObject({ backend: 'reference', tokens: 16, mismatches: 0, first_mismatch: null });
    const { stdout, stderr } = await mmfree('verify', '--image', TALES_IMAGE);
    expect(stdout.text).toBe(`bit-exact over 16 tokens: reference repeats the self-test of ${TALES_IMAGE}\n`);
    expect(stderr.text).toBe('');
  });

  describe('with another receipt in its self-test, and right hashes over that', () => {
    const sections = tinySections();
    const oracle = new BigIntModel(sections);
    const fed = [1, 0, 6, 0];
    const receipts = fed.map((token) => oracle.step(token).receipt);
    const write = async (wrongAt: number): Promise<void> => {
      const selfTest = {
        prompt: Uint32Array.of(1),
        tokens: Uint32Array.of(0, 6, 0, 2),
        receipts: Uint32Array.from(receipts, (receipt, position) => (position === wrongAt ? 0xdeadbeef : receipt)),
      };
      await writeFile(path('lies.mmfree'), tinyImage(1, { selfTest }));
    };

    it.each([0, 2, 3])('is a mismatch at position %i, named with both checksums', async (position) => {
      await write(position);
      const { exit, result } = await mmfreeJson('verify', '--image', path('lies.mmfree'));
      expect(exit).toBe(9);
      const where = {
        stream: 'self-test',
        position,
        token: fed[position],
        expected_receipt: 'deadbeef',
        actual_receipt: (receipts[position] ?? 0).toString(16).padStart(8, '0'),
      };
      expect(result).toMatchObject({ tokens: position, mismatches: 1, first_mismatch: where });
      expect(result['error']).toMatchObject({ code: 'mismatch-receipt', facts: where });
      const { stdout, stderr } = await mmfree('verify', '--image', path('lies.mmfree'));
      expect(stdout.text).toBe('');
      expect(stderr.lines.slice(0, 2)).toEqual([
        `error: reference differs at token ${position} of self-test (id ${where.token})`,
        `cause: logits: expected deadbeef, got ${where.actual_receipt} (CRC-32).`,
      ]);
    });

    it('is no mismatch when all are what the oracle computes', async () => {
      await write(-1);
      expect((await mmfree('verify', '--image', path('lies.mmfree'))).exit).toBe(0);
    });
  });
});

describe('the program of the gateware', () => {
  it('is verified by the simulator against the reference', async () => {
    const { exit, result } = await mmfreeJson(
      'verify',
      '--image',
      TALES_IMAGE,
      '--backend',
      'simulator',
      '--tokens',
      '9',
    );
    expect(exit).toBe(0);
    expect(result).toMatchObject({ backend: 'simulator', tokens: 16 + 9 + 64, mismatches: 0 });
  });

  it('is a mismatch, with the layer, where it computes something else', async () => {
    // QUANT of g with the gain of f.
    const program = MODEL_PROGRAM.with(8, 0x4448);
    await writeFile(path('other.mmfree'), goodImageOf(tinySections(), { program }));
    const { exit, result } = await mmfreeJson('verify', '--image', path('other.mmfree'), '--backend', 'simulator');
    expect(exit).toBe(9);
    expect(result['first_mismatch']).toMatchObject({ stream: 'self-test', position: 0, layer: 'layer 0' });
  });

  it('is needed for that', async () => {
    await writeFile(path('old.mmfree'), tinyImage(1, { program: [] }));
    const { exit, stderr } = await mmfree('verify', '--image', path('old.mmfree'), '--backend', 'simulator');
    expect([exit, stderr.lines[0]]).toEqual([6, 'error: the image has no program for gateware']);
  });
});

describe('a checkpoint', () => {
  const args = ['verify', '--checkpoint', GOLDEN_A, '--golden', GOLDEN];

  it('is compared with the logits of PyTorch', async () => {
    const { exit, result } = await mmfreeJson(...args);
    expect(exit).toBe(0);
    expect(result).toMatchObject({ tokens: 96, argmax_agreement: 96, tolerance: 0.0001 });
    expect(result['max_abs_diff']).toBeLessThan(1e-6);
    expect(result['mean_abs_diff']).toBeLessThan(1e-7);
  });

  it('is a mismatch beyond the tolerance, with the figures still on stdout', async () => {
    const { exit, stdout, stderr } = await mmfree(...args, '--tolerance', '0');
    expect(exit).toBe(9);
    expect(stdout.text).toMatch(/^max_abs_diff [\d.]+e-7 {2}mean_abs_diff [\d.]+e-8 {2}argmax_agreement 96\/96\n$/);
    expect(stderr.lines[0]).toMatch(/^error: a logit differs by [\d.]+e-7, more than 0$/);
  });
});

it.each<[string, string[], number, string]>([
  ['--golden alone', ['--golden', GOLDEN], 2, 'go together'],
  ['--checkpoint alone', ['--checkpoint', GOLDEN_A], 2, 'go together'],
  ['an image beside them', ['--checkpoint', GOLDEN_A, '--golden', GOLDEN, '--image', TALES_IMAGE], 2, 'go together'],
  ['a backend that does not exist', ['--backend', 'abacus'], 2, '--backend is "abacus"'],
  ['a golden file that is not there', ['--checkpoint', GOLDEN_A, '--golden', 'no/file'], 2, 'no/file: no such file'],
  ['a golden file that is none', ['--checkpoint', GOLDEN_A, '--golden', join(GOLDEN_A, 'config.json')], 6, 'header'],
  ['logits of another model', ['--checkpoint', TALES, '--golden', GOLDEN], 6, 'vocabulary of 512'],
  ['an image that is not there', ['--image', 'no/file'], 6, 'cannot read the image'],
])('refuses %s', async (_title, args, exit, message) => {
  const ended = await mmfree('verify', ...args);
  expect([ended.exit, ended.stdout.text]).toEqual([exit, '']);
  expect(ended.stderr.lines[0]).toContain(message);
});

describe('gradients of a checkpoint', () => {
  const GRADIENTS = join(GOLDEN_A, 'gradients-unfused.safetensors');
  const compare = ['verify', '--checkpoint', GOLDEN_A, '--golden', GOLDEN, '--gradients', GRADIENTS];

  it('are compared with those of PyTorch, tensor by tensor', async () => {
    const { exit, result } = await mmfreeJson(...compare);
    expect(exit).toBe(0);
    expect(result).toMatchObject({ backend: 'reference', tokens: 96, tolerance: 0.05 });
    expect((result['tensors'] as unknown[]).length).toBe(50);
    expect(result['largest_relative_error']).toBeLessThan(0.05);
    expect(result['smallest_cosine']).toBeGreaterThan(0.999);
  });

  it('that are farther away than allowed end with the tensor and exit code 9', async () => {
    const { exit, result } = await mmfreeJson(...compare, '--tolerance', '0.001');
    expect(exit).toBe(9);
    expect(result['error']).toMatchObject({ code: 'mismatch-gradients', facts: { tolerance: 0.001 } });
  });

  it.runIf(hasGpu)('are computed on a GPU as well', async () => {
    const { exit, result } = await mmfreeJson(...compare, '--backend', 'gpu');
    expect(exit).toBe(0);
    expect(result).toMatchObject({ backend: 'gpu', tokens: 96 });
    expect(result['smallest_cosine']).toBeGreaterThan(0.999);
  });

  it('of a file that is not one of them are refused', async () => {
    const { exit, stderr } = await mmfree(...compare.slice(0, -1), GOLDEN);
    expect(exit).toBe(6);
    expect(stderr.text).toContain('has no tensor');
  });
});
