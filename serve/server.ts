/**
 * The service on a socket: time limits for those who send slowly or take nothing, and an end that does not wait for
 * those who never leave.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from './packages/http.js';
import type { App } from './service.js';

/** Whoever sends byte by byte is cut off: so long the head of a request may take, and all of it. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1024,
  /** Of TLS. */
  handshakeTimeout: 10_000,
  /** Whoever takes nothing of what is sent for so long is cut off too, as by nginx's `send_timeout`. */
  stallMs: 60_000,
};

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
  /** For connections from now on. */
  replaceCertificate(certificate: Certificate): void;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** HTTP without TLS unless given. */
  readonly tls?: Certificate | undefined;
}

/** In PEM. */
export interface Certificate {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

/** @param limits other ones than usual, for tests @throws the operating system's error */
export async function listen(
  { fetch }: Pick<App, 'fetch'>,
  { host, port, tls }: ListenOptions,
  limits: Partial<typeof LIMITS> = {},
): Promise<RunningServer> {
  const { stallMs, handshakeTimeout, ...times } = { ...LIMITS, ...limits };
  const listener = getRequestListener(fetch, { overrideGlobalObjects: false });
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    // The time runs out too while there is nothing to send; the next write begins it anew.
    response.setTimeout(stallMs, () => {
      const { socket } = response;
      if (socket !== null && socket.writableLength > 0) socket.destroy();
    });
    void listener(request, response);
  };
  const server =
    tls === undefined
      ? createServer(times, answer)
      : createSecureServer({ ...times, handshakeTimeout, ...pem(tls) }, answer);
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  return {
    url: urlOf(server, tls === undefined ? 'http' : 'https'),
    drained: async () => await drained(server),
    cut: () => server.closeAllConnections(),
    replaceCertificate: (certificate) => {
      if ('setSecureContext' in server) server.setSecureContext(pem(certificate));
    },
  };
}

function pem({ cert, key }: Certificate): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
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

function urlOf(server: Server, scheme: string): string {
  const { port, address, family } = server.address() as AddressInfo;
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
