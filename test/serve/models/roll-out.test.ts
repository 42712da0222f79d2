/** Another image for boards, one after the other, by those who may administrate. */
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newKey } from '../../../serve/access/keys.js';
import { COMMANDS, startBoard, temporaryFolder, type RunningBoard } from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { goodImage } from '../../helpers/good-image.js';
import { newSigner } from '../../helpers/signer.js';
import { tinyImage } from '../../helpers/tiny-image.js';

const path = temporaryFolder();
/** Without a tokenizer: prompts are token ids. */
const TEXT = { name: 'tiny', tokenizer: new Uint8Array(0) };
const OWNER = newSigner();
const ADMIN = newKey('root', true);
const USER = newKey('user', false);

let boards: RunningBoard[] = [];
let service: FakeProcess;
let running: Promise<unknown>;
let url = '';

beforeAll(async () => {
  const files = {
    old: goodImage(1, { ...TEXT, sign: OWNER.sign }),
    signed: goodImage(2, { ...TEXT, sign: OWNER.sign }),
    unsigned: goodImage(2, TEXT),
    // Boards take it, and the service cannot read it.
    wordless: goodImage(2, { name: 'tiny', tokenizer: new TextEncoder().encode('{}'), sign: OWNER.sign }),
    // Its self-test is not what it computes.
    wrong: tinyImage(3, { ...TEXT, sign: OWNER.sign }),
    'key.pem': OWNER.pem,
    keys: `${ADMIN.line}\n${USER.line}\n`,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(path(name), content);
});

beforeEach(async () => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
  const second = ['--signer', path('key.pem')];
  boards = [await startBoard('--image', path('old')), await startBoard('--image', path('old'), ...second)];
  service = new FakeProcess();
  await configure({});
  running = service.run(COMMANDS, '--json', 'serve', '--config', path('serve.json'));
  const failed = running.then(() => {
    throw new Error(service.stdout.text);
  });
  failed.catch(() => {});
  while (!service.stdout.text.includes('"ready"')) {
    await Promise.race([new Promise<void>((resolve) => service.stdout.onWrite(resolve)), failed]);
  }
  const events = service.stdout.lines.map((line) => JSON.parse(line) as { type: string; url: string });
  ({ url } = events.find(({ type }) => type === 'ready')!);
});
afterEach(async () => {
  service.interrupt();
  await running;
  for (const board of boards) await board.stop();
  vi.unstubAllEnvs();
});

/** The file of options. */
async function configure(more: object): Promise<void> {
  const board = boards.map(({ selector }) => selector);
  const options = { board, port: 0, keys: path('keys'), 'log-level': 'silent', ...more };
  await writeFile(path('serve.json'), JSON.stringify(options));
}

/** With other options, at SIGHUP; one reload comes after the other. */
async function reload(more: object): Promise<void> {
  await configure(more);
  service.hangUp();
}

interface Answer {
  readonly status: number;
  readonly boards?: readonly string[];
  readonly limits?: { readonly queue: number };
  readonly models?: readonly { readonly image_sha256: string }[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly mmfree?: { readonly receipts: readonly string[] };
  /** Of /slots. */
  readonly [index: number]: { readonly machines: readonly object[] };
}

async function ask(route: string, body?: object, { key } = ADMIN): Promise<Answer> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${url}${route}`, { ...sent, headers });
  return { ...((await response.json()) as Answer), status: response.status };
}

/** Fingerprint of the model, and how many machines it has. */
async function served(): Promise<readonly [string, number][]> {
  const { models } = await ask('/props');
  const slots = await ask('/slots');
  return models!.map((model, k) => [model.image_sha256, slots[k]!.machines.length]);
}

const REQUEST = { prompt: [1, 2, 3], max_tokens: 20, seed: 5 };

it('board by board they take it, and the model has the same name', async () => {
  const before = await served();
  const answer = await ask('/admin/flash', { image: path('signed') });
  expect([answer.status, answer.boards]).toEqual([200, boards.map(({ selector }) => selector)]);
  const after = await served();
  expect(after).toEqual([[expect.not.stringMatching(before[0]![0]), 2]]);
  expect(await ask('/v1/completions', { ...REQUEST, model: 'tiny' })).toMatchObject({
    system_fingerprint: after[0]![0],
  });
});

it('where one of them refuses it, those before go back to the image that they had', async () => {
  const before = await served();
  const text = await ask('/v1/completions', REQUEST);
  const answer = await ask('/admin/flash', { image: path('unsigned') });
  expect(answer).toMatchObject({ status: 503, error: { code: 'roll_out_failed' } });
  expect(answer.error!.message).toMatch(/all boards have the image from before$/);
  expect(await served()).toEqual(before);
  expect((await ask('/v1/completions', REQUEST)).mmfree!.receipts).toEqual(text.mmfree!.receipts);
});

// It used to stay on the first board, of which the answer said that it had the one before.
it('where one of them cannot serve with it, that one goes back too', async () => {
  const before = await served();
  const answer = await ask('/admin/flash', { image: path('wordless') });
  expect(answer).toMatchObject({ status: 503, error: { code: 'roll_out_failed' } });
  expect(answer.error!.message).toMatch(/all boards have the image from before$/);
  expect(await served()).toEqual(before);
});

it('nothing changes by an image whose self-test is wrong, that is none, or that is not there', async () => {
  const before = await served();
  for (const [image, status, code] of [
    ['wrong', 503, 'roll_out_failed'],
    ['keys', 400, 'invalid_image'],
    ['nowhere', 400, 'invalid_image'],
  ] as const) {
    expect(await ask('/admin/flash', { image: path(image) })).toMatchObject({ status, error: { code } });
    expect(await served()).toEqual(before);
  }
});

describe('at SIGHUP, an image in the place of another one', () => {
  const here = { backend: 'reference' };
  const until = async (test: () => Promise<boolean>): Promise<void> =>
    void (await vi.waitUntil(test, { interval: 5, timeout: 60_000 }));
  const reloaded = async (queue: number): Promise<void> =>
    await until(async () => (await ask('/props')).limits!.queue === queue);

  it('comes onto the boards too', async () => {
    const before = await served();
    await reload({ ...here, image: [path('old')], queue: 1 });
    await reloaded(1);
    expect(await served()).toEqual([[before[0]![0], 3]]);
    await reload({ ...here, image: [path('signed')], queue: 2 });
    await reloaded(2);
    expect(await served()).toEqual([[expect.not.stringMatching(before[0]![0]), 3]]);
  });

  it('that a board refuses stays away, and everything is as before', async () => {
    const before = await served();
    await reload({ ...here, image: [path('old')], queue: 1 });
    await reloaded(1);
    await reload({ ...here, image: [path('unsigned')], queue: 2 });
    // It is read when its turn comes.
    await until(async () => (await served()).length > 1);
    await reload({ ...here, image: [path('old')], queue: 3 });
    await reloaded(3);
    expect(await served()).toEqual([[before[0]![0], 3]]);
  });
});

it('needs a key that may administrate', async () => {
  expect(await ask('/admin/flash', { image: path('signed') }, USER)).toMatchObject({ status: 401 });
});
