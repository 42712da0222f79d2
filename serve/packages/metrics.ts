/** prom-client. Only the service loads it; bundled by scripts/build-serve.mjs. */
export { Counter, Gauge, Histogram, Registry } from 'prom-client';
