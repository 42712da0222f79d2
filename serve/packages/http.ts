/** Hono, and Node's HTTP server for it. Only the service loads it; bundled by scripts/build-serve.mjs. */
export { Hono, type Context, type MiddlewareHandler } from 'hono';
export { getRequestListener } from '@hono/node-server';
