/** pino. Only the service loads it; bundled by scripts/build-serve.mjs. */
export { pino } from 'pino';
