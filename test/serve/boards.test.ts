/**
 * Boards in service: one that is lost in the middle of an answer is replaced, and nobody sees it but in the receipts'
 * machines.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startBoard, TALES_IMAGE, temporaryFolder, type RunningBoard } from '../helpers/command-line.js';
import { count } from '../helpers/counts.js';
import { boardSource, serviceOf, talesOn, type ServiceUnderTest } from '../helpers/service.js';

const path = temporaryFolder();
let board: RunningBoard;
let tested: ServiceUnderTest;

beforeEach(async () => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
  board = await startBoard('--image', TALES_IMAGE);
  tested = await serviceOf({ sources: [boardSource(board.selector), talesOn('cpu')], limits: { tokenMs: 1_500 } });
});
afterEach(async () => {
  await tested?.close();
  await board?.stop();
  vi.unstubAllEnvs();
});

const ASKED = { prompt: 'Once upon a time', max_tokens: count(800, 2_000), temperature: 0 };

it('a text that its board told half goes on at the processor, with the same receipts', async () => {
  const response = await tested.ask('/v1/completions', { ...ASKED, stream: true });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value!;
  await board.stop();
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
  const proofs = Array.from(
    text.matchAll(/"mmfree":(\{.*?\})/g),
    ([, json]) => JSON.parse(json!) as { receipts: string[]; machine: string },
  );
  const alone = await tested.json('/v1/completions', ASKED);
  expect(proofs.flatMap(({ receipts }) => receipts)).toEqual(alone.mmfree.receipts);
  expect([...new Set(proofs.map(({ machine }) => machine))]).toEqual([expect.stringContaining('virtual'), 'cpu']);
  expect(text).toMatch(/data: \[DONE\]\n\n$/);
  expect(await (await tested.ask('/metrics')).text()).toContain('mmfree_machines_lost_total 1');
});

it('log-probabilities come from a machine that has logits', async () => {
  const { mmfree, choices } = await tested.json('/v1/completions', { ...ASKED, max_tokens: 3, logprobs: 1 });
  expect([mmfree.machine, choices[0]!.logprobs!.tokens.length]).toEqual(['cpu', 3]);
});
