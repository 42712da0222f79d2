/** The service as a function from requests to answers, without a socket: routes, and what every one of them has in common. */
import { Hono } from './packages/http.js';
import { apiErrorOf, notFound, type ApiError } from './api-error.js';
import type { Service } from './service.js';
import { chatRoutes, completionRoutes } from './routes/completions.js';
import { conversationRoutes } from './routes/conversations.js';
import { modelRoutes } from './routes/models.js';
import { statusRoutes } from './routes/status.js';
import { tokenRoutes } from './routes/tokens.js';

export function createApp(service: Service): Hono {
  const app = new Hono();
  completionRoutes(app, service);
  chatRoutes(app, service);
  tokenRoutes(app, service);
  conversationRoutes(app, service);
  modelRoutes(app, service);
  statusRoutes(app, service);
  app.notFound((context) => answerTo(notFound(context.req.path, hintFor(context.req.path))));
  app.onError((cause) => {
    const error = apiErrorOf(cause);
    if (error.status === 500) service.onFailure(cause);
    return answerTo(error);
  });
  return app;
}

function answerTo(error: ApiError): Response {
  return Response.json(error.body, { status: error.status, headers: error.headers });
}

/** For clients that ask for what others have. */
function hintFor(path: string): string {
  if (path.startsWith('/v1/responses')) return 'Use /v1/chat/completions: in the AI SDK, openai.chat(MODEL).';
  return '';
}
