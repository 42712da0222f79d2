/**
 * Many at once, while boards are killed and plugged in at random: every text is that of its seed, and clients see no
 * error.
 */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startReady, TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { completionsOf } from '../helpers/retrying-client.js';
import { Prng } from '../oracle/prng.js';
import { serviceOf, type Answer, type ServiceUnderTest } from '../helpers/service.js';

const SECONDS = count(0, 180);
const LEAST_LOSSES = 2;
const CLIENTS = count(8, 200);
const TEXTS = count(8, 60);

const path = temporaryFolder();
const boards: ChildProcess[] = [];
let service: ChildProcess;
let url = '';
let alone: ServiceUnderTest;

beforeAll(async () => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
  for (const index of [0, 1]) boards[index] = await plugged(index);
  const options = ['--image', TALES_IMAGE, '--backend', 'cpu', '--board', 'auto', '--log-level', 'silent'];
  const { child, ready } = await startReady('serve', '--port', '0', ...options);
  service = child;
  url = ready.url!;
  alone = await serviceOf();
});
afterAll(async () => {
  for (const child of [service, ...boards]) child?.kill('SIGKILL');
  await alone?.close();
  vi.unstubAllEnvs();
});

async function plugged(index: number): Promise<ChildProcess> {
  const { child } = await startReady('virtual-board', '--image', TALES_IMAGE, '--serial-number', `board-${index}`);
  return child;
}

const asked = (seed: number): { prompt: string; max_tokens: number; seed: number; temperature: number } => ({
  prompt: `Once upon a time number ${seed % 7}`,
  max_tokens: 20 + (seed % 5) * 20,
  seed,
  temperature: 1,
});

it(`${CLIENTS} clients get the texts of their seeds`, async () => {
  const receipts: string[][] = [];
  for (let seed = 0; seed < TEXTS; seed++)
    receipts.push([...(await alone.json('/v1/completions', asked(seed))).mmfree.receipts]);
  const stopMs = performance.now() + 1000 * SECONDS;
  let losses = 0;
  const over = new AbortController();
  let answers = 0;
  const machines = new Set<string>();

  async function pullAndPlug(): Promise<void> {
    const random = new Prng(1);
    while (losses < LEAST_LOSSES || performance.now() < stopMs) {
      const index = random.between(0, 1);
      boards[index]!.kill('SIGKILL');
      losses++;
      await sleep(random.between(100, 900));
      boards[index] = await plugged(index);
      await sleep(random.between(0, 900));
    }
    over.abort();
  }

  async function ask(seed: number): Promise<string[]> {
    const chunks = await completionsOf(url, { ...asked(seed), stream: seed % 2 === 1 });
    return chunks.flatMap(proofOf);
  }

  function proofOf({ mmfree }: Answer): string[] {
    machines.add(mmfree.machine);
    return [...mmfree.receipts];
  }

  async function beClient(first: number): Promise<void> {
    for (let seed = first % TEXTS; !over.signal.aborted; seed = (seed + 1) % TEXTS) {
      expect(await ask(seed)).toEqual(receipts[seed]);
      answers++;
    }
  }

  await Promise.all([pullAndPlug(), ...Array.from({ length: CLIENTS }, async (_, first) => await beClient(first))]);
  expect(machines.size).toBeGreaterThan(1);
  figure(
    'same text under load',
    `${answers} answers to ${CLIENTS} clients, boards lost ${losses} times: all as alone, 0 errors`,
  );
});
