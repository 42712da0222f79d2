/**
 * The service as a function from requests to answers, without a socket: routes, and what every one of them has in
 * common.
 */
import { bodyRoom } from './access/body-room.js';
import { Room } from './access/room.js';
import { guards, type GuardedEnv } from './access/guards.js';
import { Hono, type Context } from './packages/http.js';
import { apiErrorOf, notFound, type ApiError } from './api-error.js';
import type { App, Service } from './service.js';
import { adminRoutes } from './routes/admin.js';
import { chatRoutes, completionRoutes } from './routes/completions.js';
import { conversationRoutes } from './routes/conversations.js';
import { modelRoutes } from './routes/models.js';
import { pageRoutes } from './routes/page.js';
import { statusRoutes } from './routes/status.js';
import { tokenRoutes } from './routes/tokens.js';
import { verifyRoutes } from './routes/verify.js';

export function createApp(service: Service): App {
  const { log, metrics } = service;
  const app: App = new Hono<GuardedEnv>();
  app.use(async (context, next) => {
    const startMs = performance.now();
    await next();
    const { method, path } = context.req;
    const { status } = context.res;
    metrics.onRequest(routeOf(context), status);
    const ms = Math.round(performance.now() - startMs);
    log.onRequest({ method, path: path.slice(0, 200), status, ms, owner: context.get('owner') ?? '' });
  });
  app.use(guards(service.access));
  app.use(bodyRoom(() => service.limits().ownerBodyBytes));
  const scoreRoom = new Room();
  completionRoutes(app, service, scoreRoom);
  chatRoutes(app, service, scoreRoom);
  tokenRoutes(app, service);
  conversationRoutes(app, service);
  verifyRoutes(app, service);
  modelRoutes(app, service);
  adminRoutes(app, service);
  statusRoutes(app, service);
  pageRoutes(app);
  app.notFound((context) => {
    const { method, path } = context.req;
    return answerTo(notFound(method, path, hintFor(path)), context);
  });
  app.onError((cause, context) => {
    const error = apiErrorOf(cause);
    if (error.isOurs) log.onFailure(cause);
    return answerTo(error, context);
  });
  return app;
}

/** With the headers that were set already, such as those for pages of other origins. */
function answerTo(error: ApiError, context: Context): Response {
  return context.json(error.body, error.status, error.headers);
}

/** The path of the route, of which there are few; that of the request may be anything. */
function routeOf(context: Context): string {
  return context.req.routePath.includes('*') ? 'other' : context.req.routePath;
}

/** For clients that ask for what others have. */
function hintFor(path: string): string {
  if (path.startsWith('/v1/responses')) return 'Use /v1/chat/completions: in the AI SDK, openai.chat(MODEL).';
  return '';
}
