/**
 * /v1/conversations: texts that go on after answers, restarts and moves as if nothing had happened; what is refused.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MAX_POSITION } from '../../../protocol/state/sequence-state.js';
import { decodeState, encodeState } from '../../../protocol/state/state-file.js';
import { openStateFolder, type StateFolder } from '../../../serve/conversations/state-folder.js';
import { USUAL_LIMITS, type ServiceLimits } from '../../../serve/service.js';
import { mmfree, startBoard, TALES_IMAGE, temporaryFolder } from '../../helpers/command-line.js';
import { boardSource, serviceOf, talesOn, type Answer, type ServiceUnderTest } from '../../helpers/service.js';
import type { MachineSource } from '../../../serve/models/machine-source.js';

const PATH = '/v1/completions';
const PROMPT = 'Once upon a time';
const inFolder = temporaryFolder();

let tested: ServiceUnderTest;
let folder: StateFolder;
let path: string;
let made = 0;

async function start(sources?: readonly MachineSource[], some: Partial<ServiceLimits> = {}): Promise<void> {
  const limits = (): ServiceLimits => ({ ...USUAL_LIMITS, ...some });
  folder = await openStateFolder(path, limits);
  tested = await serviceOf({ ...(sources && { sources }), limits: some, store: folder.conversations });
}

async function stop(): Promise<void> {
  await tested.close();
  folder.close();
}

async function restart(...[sources, some]: Parameters<typeof start>): Promise<void> {
  await stop();
  await start(sources, some);
}

beforeAll(async () => {
  path = inFolder('states');
  await start();
});
afterAll(async () => await stop());
afterEach(() => {
  for (const failure of tested.failures) throw failure;
});

async function send(method: string, at: string, body?: Uint8Array<ArrayBuffer>): Promise<Response> {
  return await tested.ask(at, undefined, { method, ...(body !== undefined && { body }) });
}

async function bytesAt(at: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await tested.ask(at)).arrayBuffer());
}

/** A new conversation. */
async function begun(): Promise<string> {
  const id = `talk-${made++}`;
  expect((await send('PUT', `/v1/conversations/${id}`)).status).toBe(201);
  return id;
}

async function codeOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { code: string } };
  return [response.status, error.code];
}

const received = (answers: readonly Answer[]) => ({
  text: answers.map(({ choices }) => choices[0]!.text).join(''),
  tokens: answers.flatMap(({ mmfree: { tokens } }) => tokens),
  receipts: answers.flatMap(({ mmfree: { receipts } }) => receipts),
});

describe('a conversation', () => {
  it('is made, listed, read and deleted', async () => {
    const id = await begun();
    const at = `/v1/conversations/${id}`;
    expect((await send('PUT', at)).status).toBe(200);
    const answer = await tested.json(PATH, { conversation: id, prompt: PROMPT, seed: 5, max_tokens: 3 });
    expect(answer.mmfree.conversation).toEqual({ id, position: 7 });
    const facts = { id, object: 'conversation', position: 7, next_draw: 3, chosen_token: answer.mmfree.tokens[2] };
    expect(await tested.json(at)).toMatchObject({ ...facts, last_receipt: answer.mmfree.receipts[2] });
    const { data } = (await (await tested.ask('/v1/conversations')).json()) as { data: { id: string }[] };
    expect(data.map((one) => one.id)).toContain(id);
    expect((await send('DELETE', at)).status).toBe(200);
    expect(await codeOf(await tested.ask(at))).toEqual([404, 'conversation_not_found']);
    expect(await codeOf(await tested.ask(PATH, { conversation: id, prompt: PROMPT }))).toEqual([
      404,
      'conversation_not_found',
    ]);
  });

  it('goes on in pieces as one text, streamed or not, over restarts', async () => {
    const whole = await tested.json(PATH, { prompt: PROMPT, seed: 5, max_tokens: 40, temperature: 1.1, top_k: 30 });
    const conversation = await begun();
    const first = { conversation, prompt: PROMPT, seed: 5, max_tokens: 7, temperature: 1.1, top_k: 30 };
    const answers = [await tested.json(PATH, first)];
    for (const max_tokens of [1, 12]) {
      await restart();
      answers.push(await tested.json(PATH, { conversation, prompt: '', max_tokens }));
    }
    const events = await tested.events(PATH, { conversation, prompt: '', max_tokens: 20 });
    expect(received([...answers, ...events])).toEqual(received([whole]));
    expect(events.at(-1)!.mmfree.conversation).toEqual({ id: conversation, position: 44 });
    expect(events.at(-2)?.mmfree.conversation).toBeUndefined();
  });

  it('goes on at another machine, and in run, with the same receipts', async () => {
    const whole = await tested.json(PATH, { prompt: PROMPT, seed: 6, max_tokens: 24 });
    const conversation = await begun();
    const answers = [await tested.json(PATH, { conversation, prompt: PROMPT, seed: 6, max_tokens: 8 })];
    const board = await startBoard('--image', TALES_IMAGE);
    await restart([boardSource(board.selector)]);
    answers.push(await tested.json(PATH, { conversation, prompt: '', max_tokens: 8 }));
    const exported = inFolder('moved.mmfs');
    await writeFile(exported, await bytesAt(`/v1/conversations/${conversation}/state`));
    await restart([talesOn('reference')]);
    await board.stop();
    answers.push(await tested.json(PATH, { conversation, prompt: '', max_tokens: 8 }));
    expect(answers.map(({ mmfree: { machine } }) => machine)).toEqual(['cpu', expect.anything(), 'reference']);
    expect(received(answers)).toEqual(received([whole]));
    // Not on a board that somebody else has on this computer.
    const run = ['run', '--json', '--backend', 'cpu', '--load-state', exported, '--max-tokens', '8', ''];
    const { events } = await mmfree(...run);
    const tokens = events().filter(({ type }) => type === 'token');
    expect(tokens.map(({ receipt }) => receipt)).toEqual(answers[2]!.mmfree.receipts);
    await restart();
  });

  it('ends at a stop string and goes on right behind it', async () => {
    const whole = await tested.json(PATH, { prompt: PROMPT, seed: 5, max_tokens: 40 });
    const conversation = await begun();
    const stopped = { conversation, prompt: PROMPT, seed: 5, max_tokens: 40, stop: 'live. He' };
    const first = await tested.json(PATH, stopped);
    expect(first.choices[0]!.finish_reason).toBe('stop');
    const { length } = first.mmfree.tokens;
    const rest = await tested.json(PATH, { conversation, prompt: '', max_tokens: 40 - length });
    expect([...first.mmfree.receipts, ...rest.mmfree.receipts]).toEqual(whole.mmfree.receipts);
  });

  it('takes more text behind an answer, and messages in a chat', async () => {
    const conversation = await begun();
    const one = await tested.json(PATH, { conversation, prompt: PROMPT, seed: 5, max_tokens: 5 });
    const two = await tested.json(PATH, { conversation, prompt: ' The fox', max_tokens: 5 });
    const { shape, texts } = tested.models.list[0]!;
    const ids = [shape.bosTokenId, ...(await texts!.encode(PROMPT)), ...one.mmfree.tokens];
    const all = [...ids, ...(await texts!.encode(' The fox', {}, true))];
    const same = await tested.json(PATH, { prompt: all, seed: 5, max_tokens: 1 });
    expect(two.mmfree.receipts[0]).toBe(same.mmfree.receipts[0]);
    expect(two.mmfree.index).toBe(5);
    const messages = [{ role: 'user', content: 'Hello' }];
    const chat = await tested.json('/v1/chat/completions', { conversation, messages, max_tokens: 4 });
    expect(chat.mmfree.conversation!.position).toBeGreaterThan(two.mmfree.conversation!.position + 4);
  });

  it('says who speaks once where an answer ended at that', async () => {
    const { texts, shape } = tested.models.list[0]!;
    const conversation = await begun();
    const messages = [{ role: 'user', content: 'Hello' }];
    await tested.json('/v1/chat/completions', { conversation, messages, max_tokens: 0 });
    // The model never says so itself.
    await tested.json(PATH, { conversation, prompt: 'Yes.\n\nuser:', max_tokens: 0 });
    await tested.json('/v1/chat/completions', { conversation, messages, max_tokens: 0 });
    const { tokens } = decodeState(await bytesAt(`/v1/conversations/${conversation}/state`));
    const said = 'user:\nHello\n\nassistant:\nYes.\n\nuser:\nHello\n\nassistant:\n';
    expect([tokens![0], (await texts!.decode([...tokens!])).trim()]).toEqual([shape.bosTokenId, said.trim()]);
  });

  it('is fed only where no token is asked for, and is as it was when nobody waits for the answer', async () => {
    const conversation = await begun();
    await tested.json(PATH, { conversation, prompt: PROMPT, max_tokens: 0 });
    const at = `/v1/conversations/${conversation}`;
    const before = await tested.json(at);
    expect(before).toMatchObject({ position: 5, chosen_token: null });
    const leaving = new AbortController();
    const asked = { conversation, prompt: ' and', max_tokens: 16_000, stream: true };
    const response = await tested.ask(PATH, asked, { signal: leaving.signal });
    const reader = response.body!.getReader();
    await reader.read();
    expect(await codeOf(await tested.ask(PATH, { conversation, prompt: ' but', max_tokens: 1 }))).toEqual([
      409,
      'conversation_busy',
    ]);
    await reader.cancel();
    leaving.abort();
    await expect
      .poll(async () => (await tested.ask(PATH, { ...asked, max_tokens: 0, stream: false })).status)
      .toBe(200);
    expect(await tested.json(at)).toMatchObject({ next_draw: 0 });
  });

  it('moves as a file', async () => {
    const [from, to] = [await begun(), 'copy'];
    await tested.json(PATH, { conversation: from, prompt: PROMPT, seed: 5, max_tokens: 3 });
    const file = await bytesAt(`/v1/conversations/${from}/state`);
    expect(file).toEqual(new Uint8Array(await readFile(join(path, 'conversations', `${from}.mmfs`))));
    expect((await send('PUT', `/v1/conversations/${to}/state`, file)).status).toBe(201);
    const [a, b] = await Promise.all(
      [from, to].map(async (conversation) => await tested.json(PATH, { conversation, prompt: '', max_tokens: 5 })),
    );
    expect(a!.mmfree.receipts).toEqual(b!.mmfree.receipts);
    const damaged = Uint8Array.from(file);
    damaged[200]! ^= 1;
    expect(await codeOf(await send('PUT', `/v1/conversations/${to}/state`, damaged))).toEqual([400, 'invalid_state']);
    expect((await send('PUT', `/v1/conversations/${to}/state`, file)).status).toBe(200);
  });
});

describe('what is refused', () => {
  it.each(['.hidden', 'A', 'a.b', 'a%2Fb', '..%2F..%2Fetc%2Fpasswd', 'x'.repeat(65), 'a%00'])(
    'the name %s',
    async (id) => {
      expect(await codeOf(await send('PUT', `/v1/conversations/${id}`))).toEqual([400, 'invalid_value']);
      expect((await tested.ask(PATH, { conversation: decodeURIComponent(id), prompt: 'x' })).status).toBe(400);
    },
  );

  it.each([
    ['log-probabilities', { logprobs: 1 }, 'unsupported_parameter'],
    ['several answers', { n: 2 }, 'unsupported_parameter'],
    ['several prompts', { prompt: ['a', 'b'] }, 'unsupported_parameter'],
    ['nothing to go on behind', { prompt: '' }, undefined],
  ])('%s', async (_, more, code) => {
    const conversation = await begun();
    const response = await tested.ask(PATH, { conversation, prompt: PROMPT, max_tokens: 0, ...more });
    const [status, found] = response.status === 200 ? [200, undefined] : await codeOf(response);
    expect([status, found]).toEqual([code === undefined ? 200 : 400, code]);
    const again = await tested.ask(PATH, { conversation, prompt: '' });
    expect(again.status).toBe(code === undefined ? 400 : 200);
  });

  it('more conversations, or bytes, than the service keeps', async () => {
    await restart(undefined, { conversations: folder.conversations.list.length + 1, conversationBytes: 2 ** 20 });
    const conversation = await begun();
    expect(await codeOf(await send('PUT', '/v1/conversations/one-more'))).toEqual([400, 'conversations_full']);
    await restart(undefined, { conversationBytes: 1 });
    const asked = { conversation, prompt: PROMPT, max_tokens: 2 };
    expect(await codeOf(await tested.ask(PATH, asked))).toEqual([400, 'conversations_full']);
    await restart();
    expect((await tested.json(PATH, asked)).mmfree.conversation).toEqual({ id: conversation, position: 6 });
  });

  it('a file of another model, and one that was damaged on the disk', async () => {
    const [other, damaged] = [await begun(), await begun()];
    const file = async (id: string) => join(path, 'conversations', `${id}.mmfs`);
    await writeFile(await file(damaged), 'no state');
    expect(await codeOf(await tested.ask(PATH, { conversation: damaged, prompt: 'x' }))).toEqual([
      500,
      'conversation_damaged',
    ]);
    expect(await codeOf(await tested.ask(PATH, { conversation: other, model: 'none', prompt: 'x' }))).toEqual([
      404,
      'model_not_found',
    ]);
    (tested.failures as unknown[]).length = 0;
  });

  it('to go on behind more tokens than a text can have, and no machine is lost by it', async () => {
    const id = await begun();
    await tested.json(PATH, { conversation: id, prompt: PROMPT, seed: 5, max_tokens: 3 });
    const { tokens: _, ...saved } = decodeState(await bytesAt(`/v1/conversations/${id}/state`));
    const file = encodeState({ ...saved, state: { ...saved.state, position: MAX_POSITION - 7 } });
    expect((await send('PUT', `/v1/conversations/${id}/state`, Uint8Array.from(file))).status).toBe(200);
    for (const more of [{ prompt: '', max_tokens: 7 }, { prompt: [5], max_tokens: 6 }, { prompt: PROMPT }]) {
      expect(await codeOf(await tested.ask(PATH, { conversation: id, ...more }))).toEqual([400, 'too_many_tokens']);
    }
    expect((await tested.ask('/ready')).status).toBe(200);
    const answer = await tested.json(PATH, { conversation: id, prompt: '', max_tokens: 6 });
    expect(answer.mmfree.conversation).toEqual({ id, position: MAX_POSITION - 1 });
  });

  it('by a disk that fails, without the names of its folders, which the log has', async () => {
    const id = await begun();
    await rm(join(path, 'conversations', `${id}.mmfs`));
    const response = await tested.ask(`/v1/conversations/${id}`);
    const answer = await response.text();
    expect([response.status, answer]).toEqual([503, expect.stringContaining('failed (ENOENT)')]);
    expect(answer).not.toContain(path);
    expect(String(((tested.failures as unknown[]).pop() as Error).cause)).toContain(path);
  });

  it('a second service on one folder, and conversations without a folder', async () => {
    await expect(openStateFolder(path, () => USUAL_LIMITS)).rejects.toMatchObject({ code: 'file-in-use' });
    const without = await serviceOf();
    expect(await codeOf(await without.ask('/v1/conversations'))).toEqual([400, 'no_state_folder']);
    await without.close();
  });
});
