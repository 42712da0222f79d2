/** The service on a socket: time limits for those who send slowly, and an end that does not wait for those who never leave. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener, type Hono } from './packages/http.js';

/** For the head of a request, and for all of it: whoever sends byte by byte is cut off. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 60_000;
const IDLE_MS = 10_000;
const CHECK_MS = 2_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 2_000;

/** Between two looks whether a connection that is to be closed has become idle. */
const LOOK_MS = 20;

export interface RunningServer {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** No new connections, and none that is idle; resolves when the last one is closed. */
  drained(): Promise<void>;
  /** Cuts off whoever is there. */
  cut(): void;
}

/** @param port 0 takes a free one @throws the operating system's error */
export async function listen(app: Hono, host: string, port: number): Promise<RunningServer> {
  const server = createServer(
    {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    getRequestListener(app.fetch, { overrideGlobalObjects: false }) as Parameters<typeof createServer>[1] & {},
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  return {
    url: urlOf(server, host),
    drained: async () => await drained(server),
    cut: () => server.closeAllConnections(),
  };
}

/** Connections on which streams end become idle, which `close` does not look for. */
async function drained(server: Server): Promise<void> {
  const timer = setInterval(() => server.closeIdleConnections(), LOOK_MS);
  try {
    await new Promise((resolve) => server.close(resolve));
  } finally {
    clearInterval(timer);
  }
}

function urlOf(server: Server, host: string): string {
  const { port, address, family } = server.address() as AddressInfo;
  const name = host === 'localhost' ? host : family === 'IPv6' ? `[${address}]` : address;
  return `http://${name}:${port}`;
}
