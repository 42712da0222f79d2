/**
 * A machine that lies in a service that computes answers again: it is named wherever somebody looks, and what it made
 * is doubtful.
 */
import { afterAll, expect, it } from 'vitest';
import { ConversationStore } from '../../../serve/conversations/store.js';
import { USUAL_LIMITS } from '../../../serve/service.js';
import { temporaryFolder } from '../../helpers/command-line.js';
import { serviceOf, sourceOf, type ServiceUnderTest } from '../../helpers/service.js';
import { machine } from '../scheduler/machines.js';

const path = temporaryFolder();
let tested: ServiceUnderTest | undefined;
afterAll(async () => await tested?.close());

it('is out of service, and named', async () => {
  const liar = machine({ name: 'board A', kind: 'board', sequences: 1 }, { after: 0, how: 'lie' });
  const honest = machine({ name: 'cpu', kind: 'cpu', sequences: 4 });
  tested = await serviceOf({
    sources: [sourceOf('board A', () => liar), sourceOf('cpu', () => honest)],
    limits: { auditShare: 1 },
    store: await ConversationStore.open(path('conversations'), () => USUAL_LIMITS),
  });
  for (const id of ['one', 'other']) await tested.ask(`/v1/conversations/${id}`, undefined, { method: 'PUT' });
  const asked = { prompt: [1, 20, 3], max_tokens: 30, temperature: 1, seed: 3 };
  const answer = await tested.json('/v1/completions', { ...asked, conversation: 'one' });
  expect(answer.mmfree.machine).toBe('board A');
  const slots = async (): Promise<unknown> => await tested!.json('/slots');
  await expect.poll(slots).toMatchObject([{ machines: [{ name: 'cpu' }], distrusted: ['board A'] }]);
  expect(await tested.json('/health')).toEqual({ status: 'ok', distrusted: ['board A'] });
  const metrics = await (await tested.ask('/metrics')).text();
  expect(metrics).toMatch(/^mmfree_audit_checked_total\{model="[^"]*"\} 1$/m);
  expect(metrics).toMatch(/^mmfree_audit_mismatches_total\{model="[^"]*",machine="board A"\} 1$/m);
  expect(metrics).toMatch(/^mmfree_machines_distrusted\{[^}]*\} 1$/m);
  expect(metrics).toMatch(/^mmfree_conversations 2$/m);
  // What others compute is as good as ever.
  await tested.json('/v1/completions', { ...asked, conversation: 'other' });
  expect(await tested.json('/v1/conversations/one')).toMatchObject({ doubtful: true });
  expect(await tested.json('/v1/conversations/other')).toMatchObject({ doubtful: false });
  expect(await tested.json('/v1/completions', asked)).toMatchObject({ mmfree: { machine: 'cpu' } });
});
