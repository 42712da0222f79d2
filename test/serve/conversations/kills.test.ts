/**
 * `mmfree serve` is killed (SIGKILL) at random moments under load: what its clients were told of is there when it
 * starts again, and goes on.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it, vi } from 'vitest';
import { decodeState } from '../../../protocol/state/state-file.js';
import { startCompiled, temporaryFolder } from '../../helpers/command-line.js';
import { count, figure } from '../../helpers/counts.js';
import type { Answer } from '../../helpers/service.js';

const KILLS = count(2, 200);
const IDS = ['a', 'b', 'c', 'd'];
/** Longer ones begin anew. */
const MOST_TOKENS = 400;
/** Behind so many answers at most, and so much time: at any moment of an answer. */
const MOST_ANSWERS = 20;
const LONGEST_MS = 50;

const inFolder = temporaryFolder();
let child: ChildProcess;
let url = '';

async function start(): Promise<void> {
  child = startCompiled('--json', 'serve', '--port', '0', '--backend', 'cpu', '--state-dir', inFolder('states'));
  for await (const line of createInterface(child.stdout!)) {
    const event = JSON.parse(line) as { type: string; url: string };
    url = event.url;
    if (event.type === 'ready') return;
  }
  throw new Error('the service did not start');
}

async function kill(): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

afterAll(() => child?.kill('SIGKILL'));

async function ask(path: string, method = 'GET', body?: object): Promise<Response> {
  const sent =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  return await fetch(`${url}${path}`, { method, ...sent });
}

async function complete(body: object): Promise<Answer> {
  const response = await ask('/v1/completions', 'POST', body);
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

/** All tokens of each conversation, as its client knows them. */
const known = new Map<string, number[]>();
let answers = 0;

/** Answers one after the other, until the service is gone. */
async function talk(id: string): Promise<void> {
  try {
    for (;;) {
      const tokens = known.get(id);
      if (tokens === undefined || tokens.length > MOST_TOKENS) {
        known.delete(id);
        await ask(`/v1/conversations/${id}`, 'DELETE');
        await ask(`/v1/conversations/${id}`, 'PUT');
        known.set(id, []);
        continue;
      }
      const prompt = [(7 * tokens.length) % 4000, 300];
      const answer = await complete({ conversation: id, prompt, max_tokens: 1 + (tokens.length % 9) });
      tokens.push(...prompt, ...answer.mmfree.tokens);
      answers++;
    }
  } catch (error) {
    // The connection broke.
    if (!(error instanceof TypeError || child.killed)) throw error;
  }
}

/** What the service has of a conversation is what its client knows, or one answer more. */
async function check(id: string): Promise<void> {
  const tokens = known.get(id);
  const response = await ask(`/v1/conversations/${id}/state`);
  if (tokens === undefined) return;
  expect(response.status).toBe(200);
  const { state, tokens: fed } = decodeState(new Uint8Array(await response.arrayBuffer()));
  const found = [...fed!, ...(state.chosen === undefined ? [] : [state.chosen])];
  expect(found.slice(0, tokens.length)).toEqual(tokens);
  expect(found.length).toBeLessThanOrEqual(tokens.length + 2 + 9);
  const more = { max_tokens: 2, temperature: 0 };
  const [fresh, goneOn] = [
    await complete({ prompt: [...found, 5, 6], ...more }),
    await complete({ conversation: id, prompt: [5, 6], ...more }),
  ];
  expect(goneOn.mmfree.receipts).toEqual(fresh.mmfree.receipts);
  known.set(id, [...found, 5, 6, ...goneOn.mmfree.tokens]);
}

it(`nothing that was acknowledged is lost by ${KILLS} kills`, async () => {
  let state = 12_345;
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state % 65_521) % below;
  };
  await start();
  for (let round = 0; round < KILLS; round++) {
    const load = IDS.map(async (id) => await talk(id));
    const enough = answers + draw(MOST_ANSWERS);
    await vi.waitUntil(() => answers >= enough, { interval: 1, timeout: 60_000 });
    await sleep(draw(LONGEST_MS));
    await kill();
    await Promise.all(load);
    await start();
    for (const id of IDS) await check(id);
  }
  await kill();
  expect(answers).toBeGreaterThan(0);
  figure('kills of a service, answers acknowledged before them', `${KILLS}, ${answers}`);
});
