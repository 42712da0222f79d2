/**
 * Who may ask, decided before anything is routed: the host name that a request means, the page it comes from, its key,
 * the type of its body.
 *
 * Without the first two, any page in a browser on this computer could use the service: by its own name, which it lets
 * point to 127.0.0.1 (DNS rebinding), or by a form.
 */
import { invalidKey, wrongContentType, wrongHost, wrongOrigin } from '../api-error.js';
import { PAGE_PATHS } from '../page-files.js';
import type { Context, MiddlewareHandler } from '../packages/http.js';
import { keyOf, type Keys } from './keys.js';

/** It may change while the service runs. */
export interface Access {
  /** Host names beside those of this computer's loopback, in lower case, without ports. */
  readonly hosts: ReadonlySet<string>;
  /** Origins of pages that may use the service, beside its own. */
  readonly origins: ReadonlySet<string>;
  /** Undefined where nobody needs one. */
  readonly keys: Keys | undefined;
}

/** What is known of a request before it is routed. */
export interface GuardedEnv {
  readonly Variables: {
    readonly owner: string;
    /** For so many bytes more of its body. @throws ApiError `key_busy` */
    readonly takeRoom: (bytes: number) => void;
  };
}

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** For who restarts the service, who sends it requests, and who types a key into its page. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/health', '/ready', ...PAGE_PATHS]);

const ADMIN_PATHS = '/admin';

/** @throws ApiError, of which {@link corsHeaders} are to be told as well */
export function guards(access: () => Access): MiddlewareHandler<GuardedEnv> {
  return async (context, next) => {
    const { hosts, origins, keys } = access();
    const { method } = context.req;
    const host = context.req.header('host') ?? new URL(context.req.url).host;
    const name = host.replace(/:\d+$/, '').toLowerCase();
    if (!LOOPBACK_HOSTS.has(name) && !hosts.has(name)) throw wrongHost();
    const origin = context.req.header('origin');
    if (origin !== undefined && !isOwn(origin, host)) {
      if (!origins.has(origin)) throw wrongOrigin();
      for (const [header, value] of corsHeaders(origin)) context.header(header, value);
      if (method === 'OPTIONS') return context.body(null, 204);
    }
    context.set('owner', ownerOf(context, keys));
    const hasBody =
      context.req.header('transfer-encoding') !== undefined || Number(context.req.header('content-length') ?? 0) > 0;
    if ((hasBody || method === 'POST') && !isTaken(context)) throw wrongContentType();
    return await next();
  };
}

/** The name of the key, or nothing where none is needed. @throws ApiError `invalid_api_key` */
function ownerOf(context: Context, keys: Keys | undefined): string {
  const { path } = context.req;
  if (OPEN_PATHS.has(path)) return '';
  const needsAdmin = path === ADMIN_PATHS || path.startsWith(`${ADMIN_PATHS}/`);
  if (keys === undefined && !needsAdmin) return '';
  const key = keyOf(keys ?? new Map(), context.req.header('authorization'));
  if (key === undefined || (needsAdmin && !key.isAdmin)) throw invalidKey();
  return key.name;
}

/** A page that the service itself gave. */
function isOwn(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

/** JSON, or the bytes of a state: no page sends either without asking first. */
function isTaken({ req }: Context): boolean {
  const [type = ''] = (req.header('content-type') ?? '').split(';');
  const name = type.trim().toLowerCase();
  return name === 'application/json' || (name === 'application/octet-stream' && req.path.endsWith('/state'));
}

function corsHeaders(origin: string): readonly (readonly [string, string])[] {
  return [
    ['access-control-allow-origin', origin],
    ['access-control-allow-methods', 'GET, POST, PUT, DELETE'],
    ['access-control-allow-headers', 'authorization, content-type, x-mmfree-priority'],
    ['access-control-max-age', '600'],
    ['vary', 'origin'],
  ];
}
