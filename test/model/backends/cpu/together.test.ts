/** Threads that compute together: the same bits, no thread that sleeps for ever, and a main thread that never waits. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { describe, expect, it, vi } from 'vitest';
import { familiesOfNode } from '../../../../model/backends/cpu/node/families.js';
import { startThread } from '../../../../model/backends/cpu/node/start-thread.js';
import { packageFile } from '../../../../model/package-file.js';
import { GREEDY } from '../../../../protocol/sampling.js';
import { count, figure } from '../../../helpers/counts.js';
import { cpuOf } from '../../../helpers/cpu.js';
import { gathered, referenceOf } from '../../../helpers/machines.js';
import { randomModel } from '../../../oracle/random-model.js';
import type { Together } from './together.js';

const TOKENS = count(1500, 24_000);
/** Threads that sleep for ever are ended. */
const LIMIT_MS = count(50_000, 3_600_000);

describe('one to eight threads', () => {
  // V8's baseline compiler, and how everybody has it: the optimising one takes over.
  it.each([['--liftoff-only'], ['--wasm-tier-up']])(
    `compute ${TOKENS} tokens as the reference does: node %s`,
    async (flag) => {
      const found = await together(flag);
      expect(found).toMatchObject({ threads: 8, families: familiesOfNode() });
      expect(found.tokens).toBeGreaterThanOrEqual(TOKENS);
      figure(
        `threads of the processor against reference, ${flag}: tokens, receipts equal`,
        `${found.tokens} with 1 to ${found.threads} threads; ${found.families.join(', ')}; Node ${process.version}`,
      );
    },
  );
});

describe('the main thread', () => {
  it('never waits', async () => {
    const wait = vi.spyOn(Atomics, 'wait');
    const sections = randomModel(23, { shape: { eosTokenId: 52 } });
    const family = familiesOfNode()[0]!;
    const machine = await cpuOf(sections, { threads: 3, setting: { family, threads: 3 } });
    const request = { prompt: [3], maxTokens: 300, sampler: GREEDY };
    const found = await gathered((await machine.open()).generate(request));
    expect(found).toEqual(await gathered((await referenceOf(sections).open()).generate(request)));
    await machine.close();
    expect(wait).not.toHaveBeenCalled();
  });

  it('hears of a thread that ends, and what waits for the machine fails', async () => {
    const sections = randomModel(24, { shape: { eosTokenId: 52 } });
    const family = familiesOfNode()[0]!;
    const threads: Worker[] = [];
    const machine = await cpuOf(sections, {
      threads: 2,
      setting: { family, threads: 2 },
      start(order) {
        threads.push(startThread(order));
        return threads.at(-1)!;
      },
    });
    const running = gathered((await machine.open()).generate({ prompt: [3], maxTokens: 1e6, sampler: GREEDY }));
    await vi.waitFor(() => expect(threads).toHaveLength(2));
    await threads[1]!.terminate();
    await expect(running).rejects.toMatchObject({ code: 'cpu-failed', reason: expect.stringContaining('ended') });
    await expect(machine.open()).rejects.toMatchObject({ code: 'cpu-failed' });
    await machine.close();
  });
});

/** Computed by a process with a flag of V8. */
async function together(flag: string): Promise<Together> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { computeTogether } from './together.js';
        console.log(JSON.stringify(await computeTogether(${TOKENS})));
        process.exit();`,
      resolveDir: packageFile('test/model/backends/cpu'),
    },
    bundle: true,
    format: 'esm',
    target: 'es2023',
    platform: 'node',
    write: false,
  });
  const node = spawn(process.execPath, [flag, '--input-type=module'], {
    cwd: packageFile('.'),
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  node.stdin.end(outputFiles[0]!.text);
  const [output, ended] = await Promise.all([text(node.stdout), once(node, 'exit')]);
  expect(ended).toEqual([0, null]);
  return JSON.parse(output) as Together;
}
