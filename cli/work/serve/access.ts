/** Who may use the service, from options and the files that they name, which are read again on SIGHUP. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { createSecureContext } from 'node:tls';
import type { Access } from '../../../serve/access/guards.js';
import { parseKeys, type Keys } from '../../../serve/access/keys.js';
import type { Certificate } from '../../../serve/server.js';
import { badValue, UsageError } from '../../usage-error.js';
import { notKeys } from './not-keys.js';

export interface AccessInput {
  readonly host: string;
  /** Path. */
  readonly keys: string | undefined;
  readonly allowHost: readonly string[];
  readonly cors: readonly string[];
  /** Paths. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
}

/** @throws UsageError; the operating system's error */
export function accessOf({ host, keys, allowHost, cors }: AccessInput): Access {
  const origins = cors.map((text) => {
    if (URL.canParse(text) && new URL(text).origin === text) return text;
    throw badValue('--cors', text, 'the origin of pages, without a path', 'https://example.org');
  });
  return {
    hosts: new Set([...allowHost, host, ...ownAddresses()].map((name) => name.toLowerCase())),
    origins: new Set(origins),
    keys: keys === undefined ? undefined : keysOf(keys),
  };
}

/** As requests have them. A page of somebody else cannot have one of these as its host name. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list = []) =>
    list.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address)),
  );
}

function keysOf(path: string): Keys {
  try {
    return parseKeys(readFileSync(path, 'utf8'));
  } catch (error) {
    throw notKeys(path, error);
  }
}

/** Undefined for HTTP without TLS. @throws UsageError; the operating system's error */
export function certificateOf({ tlsCert, tlsKey }: AccessInput): Certificate | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError('missing-option', '--tls-cert and --tls-key need each other', {
      reason: 'One is the certificate, the other one its private key.',
      fix: 'Give both, or neither.',
    });
  }
  const certificate = { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) };
  try {
    createSecureContext(certificate);
    return certificate;
  } catch (cause) {
    throw new UsageError('bad-value', `${tlsCert} and ${tlsKey} are no certificate and its key`, {
      reason: cause instanceof Error ? `${cause.message}.` : 'They cannot be used.',
      fix: 'Give both in PEM; the certificate may have others behind it that it needs.',
      facts: { name: '--tls-cert', file: tlsCert },
      cause,
    });
  }
}
