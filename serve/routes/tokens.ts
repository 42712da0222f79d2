/** POST /tokenize and /detokenize: the model's tokenizer, for who counts tokens or sends ids. */
import { jsonBody } from '../answers/json-body.js';
import { LateList } from '../answers/json-parts.js';
import { invalidValue, noTokenizer } from '../api-error.js';
import { modelOf, type App, type Service } from '../service.js';
import { bodyOf } from './body.js';

export function tokenRoutes(app: App, service: Service): void {
  app.post('/tokenize', async (context) => {
    const body = await bodyOf(context, 'tokenize', service);
    const { texts, id } = modelOf(service, body.model);
    if (texts === undefined) throw noTokenizer(id, 'it reads no text', 'prompt');
    const tokens = await texts.encode(body.prompt, { owner: context.get('owner') });
    const told = { tokens: new LateList(() => tokens), count: tokens.length };
    return context.body(await jsonBody(told), 200, { 'content-type': 'application/json' });
  });
  app.post('/detokenize', async (context) => {
    const { tokens, model } = await bodyOf(context, 'detokenize', service);
    const { texts, id, shape } = modelOf(service, model);
    if (texts === undefined) throw noTokenizer(id, 'its tokens have no text', 'tokens');
    const bad = tokens.find((token) => token >= shape.vocabSize);
    if (bad !== undefined) throw invalidValue('tokens', `token ${bad} is not below ${shape.vocabSize}`);
    return context.json({ prompt: await texts.decode(tokens, { owner: context.get('owner') }) });
  });
}
