/** POST /v1/verify: is this what the model says? */
import type { Prompt } from '../answers/answer-text.js';
import { chatPrompt } from '../answers/chat.js';
import { promptsOf } from '../answers/completions.js';
import { generationSettings } from '../answers/settings.js';
import { verification } from '../answers/verification.js';
import { invalidValue } from '../api-error.js';
import type { ServedModel } from '../models/served-model.js';
import type { VerifyRequest } from '../schemas.js';
import { modelOf, type App, type Service } from '../service.js';
import type { Reading } from '../text/texts.js';
import { bodyOf } from './body.js';
import { readingOf } from './reading.js';

export function verifyRoutes(app: App, service: Service): void {
  app.post('/v1/verify', async (context) => {
    const limits = service.limits();
    const body = await bodyOf(context, 'verify', service);
    const model = modelOf(service, body.model);
    const settings = generationSettings(body, limits.tokens);
    const prompt = await promptOf(model, body, readingOf(context, limits));
    const found = await verification(
      model,
      prompt.ids,
      body,
      settings,
      limits,
      context.get('owner'),
      context.req.raw.signal,
    );
    return context.json({
      object: 'verification',
      model: model.id,
      system_fingerprint: model.fingerprint,
      equal: found.isEqual,
      equal_tokens: found.equal,
      choices_checked: body.seed !== undefined && body.seed !== null,
      first_difference: found.difference ?? null,
      machine: found.machine,
    });
  });
}

/** What the text came behind: a prompt, or messages. @throws ApiError; TextProblem */
async function promptOf(model: ServedModel, { prompt, messages }: VerifyRequest, reading: Reading): Promise<Prompt> {
  const hasMessages = messages !== undefined && messages !== null;
  if (prompt === undefined || prompt === null) {
    if (hasMessages) return await chatPrompt(model, messages, reading);
    throw invalidValue('prompt', 'it is missing, and so are messages');
  }
  if (hasMessages) throw invalidValue('messages', 'there is a prompt too');
  const [only] = await promptsOf(model, prompt, reading);
  return only!;
}
