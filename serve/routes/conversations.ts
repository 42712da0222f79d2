/** /v1/conversations: named texts on the disk, which completions and chats go on from. */
import { hexOf, hexOfWord } from '../../protocol/hex.js';
import { MAX_STATE_BYTES } from '../../protocol/state/state-file.js';
import type { GuardedEnv } from '../access/guards.js';
import { jsonBody } from '../answers/json-body.js';
import { LateList } from '../answers/json-parts.js';
import type { Conversations } from '../conversations/conversations.js';
import type { StoredFacts } from '../conversations/store.js';
import type { Context } from '../packages/http.js';
import { conversationsOf, modelOf, type App, type Service } from '../service.js';
import { bodyOf, bytesOf } from './body.js';

const PATH = '/v1/conversations';

export function conversationRoutes(app: App, service: Service): void {
  const idOf = (context: Context<GuardedEnv>): string => context.req.param('id') ?? '';
  app.get(PATH, async (context) => {
    const data = LateList.of(conversationsOf(service).list, ([id, facts]) => listed(id, facts));
    return context.body(await jsonBody({ object: 'list', data }), 200, { 'content-type': 'application/json' });
  });
  app.get(`${PATH}/:id`, async (context) => {
    return context.json(await described(conversationsOf(service), idOf(context)));
  });
  app.put(`${PATH}/:id`, async (context) => {
    const conversations = conversationsOf(service);
    const { model } = await bodyOf(context, 'conversation', service, '{}');
    const isNew = await conversations.create(idOf(context), modelOf(service, model));
    return context.json(await described(conversations, idOf(context)), isNew ? 201 : 200);
  });
  app.delete(`${PATH}/:id`, async (context) => {
    await conversationsOf(service).delete(idOf(context));
    return context.json({ id: idOf(context), object: 'conversation.deleted', deleted: true });
  });
  app.get(`${PATH}/:id/state`, async (context) => {
    const bytes = await conversationsOf(service).bytes(idOf(context));
    const headers = {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${idOf(context)}.mmfs"`,
    };
    return context.body(new Uint8Array(bytes), 200, headers);
  });
  app.put(`${PATH}/:id/state`, async (context) => {
    const conversations = conversationsOf(service);
    const isNew = await conversations.import(idOf(context), await bytesOf(context, MAX_STATE_BYTES));
    return context.json(await described(conversations, idOf(context)), isNew ? 201 : 200);
  });
}

function listed(id: string, { bytes, changedMs }: StoredFacts): object {
  return { id, object: 'conversation', bytes, changed: Math.floor(changedMs / 1000) };
}

async function described(conversations: Conversations, id: string): Promise<object> {
  const { image, state, tokens } = await conversations.read(id);
  const facts = conversations.factsOf(id);
  return {
    ...(facts && listed(id, facts)),
    image_sha256: hexOf(image),
    position: state.position,
    next_draw: state.nextDraw,
    chosen_token: state.chosen ?? null,
    last_receipt: state.lastReceipt === undefined ? null : hexOfWord(state.lastReceipt),
    lists_tokens: tokens !== undefined,
    doubtful: conversations.isDoubtful(id),
  };
}
