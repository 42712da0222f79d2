/**
 * /v1/verify: what was answered is verified by another implementation, and whatever is changed of it is found where it
 * is.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boardSource, serviceOf, talesOn, type Answer, type ServiceUnderTest } from '../../helpers/service.js';
import { startBoard, TALES_IMAGE } from '../../helpers/command-line.js';

const PATH = '/v1/completions';
const ASKED = { prompt: 'Once upon a time', seed: 5, max_tokens: 20, temperature: 1.2, top_k: 30 };

let tested: ServiceUnderTest;
let verifier: ServiceUnderTest;
let answer: Answer;
beforeAll(async () => {
  tested = await serviceOf();
  verifier = await serviceOf({ sources: [talesOn('reference')] });
  answer = await tested.json(PATH, ASKED);
});
afterAll(async () => {
  await tested?.close();
  await verifier?.close();
});

async function verified(told: object, by = verifier): Promise<unknown> {
  return await by.json('/v1/verify', { ...ASKED, ...answer.mmfree, ...told });
}

describe('what was answered', () => {
  it('is verified by the reference and by the processor', async () => {
    const equal = { equal: true, equal_tokens: 20, choices_checked: true, first_difference: null };
    expect(await verified({})).toMatchObject({ ...equal, machine: 'reference' });
    expect(await verified({}, tested)).toMatchObject({ ...equal, machine: 'cpu', object: 'verification' });
  });

  it('is verified in the middle of a text, and without its settings', async () => {
    const { shape, texts } = tested.models.list[0]!;
    const { tokens, receipts } = answer.mmfree;
    const prompt = [shape.bosTokenId, ...(await texts!.encode(ASKED.prompt)), ...tokens.slice(0, 8)];
    const rest = { prompt, tokens: tokens.slice(8), receipts: receipts.slice(8), index: 8 };
    expect(await verified(rest)).toMatchObject({ equal: true, equal_tokens: 12 });
    const plain = { prompt, tokens: rest.tokens, receipts: rest.receipts };
    const found = await verifier.json('/v1/verify', plain);
    expect(found).toMatchObject({ equal: true, choices_checked: false });
  });

  it('is verified behind the messages of a chat', async () => {
    const messages = [{ role: 'user', content: 'Hello' }];
    const chat = await tested.json('/v1/chat/completions', { messages, seed: 4, max_tokens: 12 });
    const told = { messages, ...chat.mmfree };
    expect(await verifier.json('/v1/verify', told)).toMatchObject({ equal: true, equal_tokens: 12 });
    const other = { ...told, messages: [{ role: 'user', content: 'Hi' }] };
    expect(await verifier.json('/v1/verify', other)).toMatchObject({ equal: false, equal_tokens: 0 });
    for (const wrong of [{ ...chat.mmfree }, { ...told, prompt: 'Hello' }]) {
      expect((await verifier.ask('/v1/verify', wrong)).status).toBe(400);
    }
  });

  it('is found out where it was changed', async () => {
    const { tokens, receipts } = answer.mmfree;
    const changed = <T>(list: readonly T[], position: number, value: T): T[] => list.with(position, value);
    expect(await verified({ receipts: changed(receipts, 7, '00000000') })).toMatchObject({
      equal: false,
      equal_tokens: 7,
      first_difference: { position: 7, what: 'receipt', told: '00000000', computed: receipts[7] },
    });
    // The receipt in front of a token does not change with it; whether it would have been chosen is checked with the
    // seed, and so is what follows.
    const other = { tokens: changed(tokens, 3, 300) };
    const difference = { position: 3, what: 'token', told: 300, computed: tokens[3] };
    expect(await verified(other)).toMatchObject({ equal: false, first_difference: difference });
    expect(await verified({ ...other, seed: null })).toMatchObject({
      equal: false,
      first_difference: { position: 4, what: 'receipt', told: receipts[4] },
    });
    expect(await verified({ prompt: 'Once upon a day' })).toMatchObject({ equal: false, equal_tokens: 0 });
    expect(await verified({ seed: 6 })).toMatchObject({ equal: false, first_difference: { what: 'token' } });
  });
});

describe('what is refused', () => {
  it.each([
    [{ receipts: [] }, 'invalid_value'],
    [{ tokens: [], receipts: [] }, 'invalid_value'],
    [{ receipts: ['xyz'] }, 'invalid_value'],
    [{ tokens: [1_000_000], receipts: ['00000000'] }, 'invalid_value'],
    [{ prompt: [[1]] }, 'invalid_value'],
    [{ temperature: -1 }, 'invalid_value'],
    [{ tokens: Array(20_000).fill(1), receipts: Array(20_000).fill('00000000') }, 'too_many_tokens'],
  ])('%j', async (told, code) => {
    expect(await verified(told)).toMatchObject({ error: { code } });
  });

  it('a service of boards only, where nobody would verify but them', async () => {
    const board = await startBoard('--image', TALES_IMAGE);
    const boards = await serviceOf({ sources: [boardSource(board.selector)] });
    expect(await verified({}, boards)).toMatchObject({ error: { code: 'no_verifier' } });
    await boards.close();
    await board.stop();
  });
});
