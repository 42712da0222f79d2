/**
 * `--backend gpu` of every command that has it, on a tiny model: what the GPU computes is tested in
 * test/model/backends/gpu/.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { whyNoGpu } from '../../../model/backends/gpu/device/gpu-presence.js';
import {
  compiledJson,
  mmfree,
  mmfreeJson,
  temporaryFolder,
  writeTextCheckpoint,
  type JsonRun,
} from '../../helpers/command-line.js';
import { hasGpu } from '../../helpers/gpu.js';
import { tinyImage } from '../../helpers/tiny-image.js';

// Imported there, as it runs before what is imported above.
vi.mock('../../../model/backends/gpu/device/adapter.js', async (importOriginal) => {
  const { sharing } = await import('../../helpers/shared-gpu.js');
  return sharing(await importOriginal());
});

const path = temporaryFolder();
const image = (): string => path('tiny.mmfree');

beforeAll(async () => {
  await writeTextCheckpoint(path('tiny'));
  await mmfree('pack', path('tiny'), '-o', image());
});

const tokensOf = ({ events }: JsonRun): unknown[] => events.filter(({ type }) => type === 'token');

// Kernels compile for seconds on a software adapter.
describe.skipIf(!hasGpu)('with a GPU', () => {
  it('run tells what the reference tells, token by token and receipt by receipt', async () => {
    const tell = async (backend: string): Promise<JsonRun> =>
      await mmfreeJson('run', '--image', image(), '--backend', backend, '--max-tokens', '20', '--seed', '3', 'aab');
    const onGpu = await tell('gpu');
    expect(onGpu.result).toMatchObject({ exit: 0, backend: 'gpu' });
    expect(tokensOf(onGpu)).toEqual(tokensOf(await tell('reference')));
  });

  it('run goes on with the state of a text, and gives it away', async () => {
    const tell = async (backend: string, ...argv: string[]): Promise<unknown[]> =>
      tokensOf(await mmfreeJson('run', '--image', image(), '--backend', backend, ...argv));
    const [save, load] = [
      ['--save-state', path('state')],
      ['--load-state', path('state')],
    ];
    const whole = await tell('reference', '--max-tokens', '12', '--seed', '3', 'aab');
    const before = await tell('reference', '--max-tokens', '3', '--seed', '3', ...save, 'aab');
    const between = await tell('gpu', '--max-tokens', '5', ...load, ...save);
    const after = await tell('reference', '--max-tokens', '4', ...load);
    expect([...before, ...between, ...after]).toEqual(whole);
  });

  it('run --check compares with the reference', async () => {
    const { exit, result } = await mmfreeJson(
      'run',
      '--image',
      image(),
      '--backend',
      'gpu',
      '--check',
      '--max-tokens',
      '4',
    );
    expect([exit, result['receipts_checked']]).toEqual([0, result['tokens']]);
  });

  it('verify compares self-test, random tokens and sampling with the reference', async () => {
    const { exit, result, events } = await mmfreeJson(
      'verify',
      '--image',
      image(),
      '--backend',
      'gpu',
      '--tokens',
      '40',
    );
    expect(exit).toBe(0);
    expect(result).toMatchObject({ backend: 'gpu', mismatches: 0, first_mismatch: null });
    expect(Number(result['tokens'])).toBeGreaterThan(16 + 40);
    expect(events.filter(({ type }) => type === 'note')).toHaveLength(1);
  });

  it('verify is a mismatch where the self-test is another one', async () => {
    // With right hashes over receipts that were made up.
    await writeFile(path('lies.mmfree'), tinyImage());
    const { exit, result } = await mmfreeJson('verify', '--image', path('lies.mmfree'), '--backend', 'gpu');
    expect(exit).toBe(9);
    expect(result['first_mismatch']).toMatchObject({ stream: 'self-test', position: 0 });
  });

  it('run gives no token of an image that does not pass its check', async () => {
    const bytes = await readFile(image());
    // A trit of the last matrix: legal, and not what was packed.
    const at = 3 * 4096;
    bytes[at] = (bytes[at] ?? 0) === 0 ? 1 : 0;
    await writeFile(path('damaged.mmfree'), bytes);
    const { exit, events, result } = await mmfreeJson(
      'run',
      '--image',
      path('damaged.mmfree'),
      '--backend',
      'gpu',
      'a',
    );
    expect([exit, result['error']]).toMatchObject([6, { code: 'image-damaged' }]);
    expect(events.filter(({ type }) => type === 'token')).toEqual([]);
  });

  it('run refuses a tokenizer that is none, unless something is wrong with the image too', async () => {
    const bytes = tinyImage(1, { tokenizer: new TextEncoder().encode('{}') });
    await writeFile(path('tokenizer.mmfree'), bytes);
    bytes[3 * 4096] = (bytes[3 * 4096] ?? 0) ^ 1;
    await writeFile(path('both.mmfree'), bytes);
    for (const [name, code] of [
      ['tokenizer', 'tokenizer-malformed'],
      ['both', 'image-damaged'],
    ]) {
      const { exit, events, result } = await mmfreeJson(
        'run',
        '--image',
        path(`${name}.mmfree`),
        '--backend',
        'gpu',
        'a',
      );
      expect([exit, result['error']]).toMatchObject([6, { code }]);
      expect(events.filter(({ type }) => type === 'token')).toEqual([]);
    }
  });

  it('run does not take a software adapter by itself, and says what it takes', async () => {
    const { exit, result, events } = await mmfreeJson('run', '--image', image(), '--max-tokens', '2', 'a');
    expect(exit).toBe(0);
    const notes = events.filter(({ type }) => type === 'note').map(({ text }) => String(text));
    // On a computer with a GPU of its own, that is taken.
    const onGpu = result['backend'] === 'gpu';
    expect(notes[0]).toMatch(onGpu ? /^using .* on / : /on the processor; no GPU found: .* is software\. \(.*\)$/);
  });

  it('eval gives the losses of the reference, to the last digit', async () => {
    await writeFile(path('text'), 'abc aab caba '.repeat(40));
    const losses = async (...backend: string[]): Promise<unknown> => {
      const options = ['--context', '5', '--windows', '19', ...backend];
      return (await compiledJson('eval', '--image', image(), '--text', path('text'), ...options)).result[
        'window_losses'
      ];
    };
    const onGpu = await losses('--backend', 'gpu');
    expect(onGpu).toHaveLength(19);
    expect(onGpu).toEqual(await losses('--backend', 'reference'));
  });

  it('bench gpu measures speeds, after the bits', async () => {
    const { exit, result } = await mmfreeJson(
      'bench',
      'gpu',
      '--image',
      image(),
      '--tokens',
      '8',
      '--prompt',
      '4',
      '--batch',
      '2',
    );
    expect(exit).toBe(0);
    expect(result).toMatchObject({
      decode: [{ batch: 1 }, { batch: 2 }],
      prefill: [{ tokens: 1 }, { tokens: 4 }],
    });
    for (const key of ['equal_receipts', 'load_seconds', 'weight_bytes_per_second', 'copy_bytes_per_second']) {
      expect([key, Number(result[key]) > 0]).toEqual([key, true]);
    }
  });

  it('bench gpu --cycles watches the memory', async () => {
    const { exit, result } = await mmfreeJson('bench', 'gpu', '--image', image(), '--tokens', '8', '--cycles', '1');
    expect(exit).toBe(0);
    expect(result).toMatchObject({ cycles: 1, tokens: 8, tokens_gpu_bytes_grown: 0 });
  });

  it('bench gpu refuses to time what computes something else', async () => {
    await writeFile(path('lies.mmfree'), tinyImage());
    expect((await mmfree('bench', 'gpu', '--image', path('lies.mmfree'))).exit).toBe(9);
  });
});

describe('without a GPU', () => {
  const withoutDriver = async <T>(use: () => T | Promise<T>): Promise<T> => {
    for (const name of ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES']) vi.stubEnv(name, '');
    try {
      return await use();
    } finally {
      vi.unstubAllEnvs();
    }
  };

  it('run computes on the processor, and --backend gpu ends with 18 and what is missing', async ({ skip }) => {
    const why = await withoutDriver(() => whyNoGpu());
    // A computer with a GPU of its own cannot be without.
    skip(why === undefined);
    const [byDefault, ...asked] = await withoutDriver(async () => [
      await compiledJson('run', '--image', image(), '--max-tokens', '2', 'a'),
      await compiledJson('run', '--image', image(), '--backend', 'gpu', 'a'),
      await compiledJson('verify', '--image', image(), '--backend', 'gpu'),
      await compiledJson('bench', 'gpu', '--image', image()),
    ]);
    expect(byDefault?.result).toMatchObject({ exit: 0, backend: 'cpu' });
    for (const { exit, result } of asked) {
      expect([exit, result['error']]).toMatchObject([
        18,
        { code: 'gpu-not-found', cause: expect.stringContaining(String(why)) },
      ]);
    }
  });
});
