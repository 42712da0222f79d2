/** Who is refused before anything is routed. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { newKey, parseKeys } from '../../../serve/access/keys.js';
import { serviceOf, talesOn, type ServiceUnderTest } from '../../helpers/service.js';

const user = newKey('laptop', false);
const admin = newKey('root', true);
const COMPLETION = { prompt: 'Once', max_tokens: 1 };

let open: ServiceUnderTest;
let keyed: ServiceUnderTest;
beforeAll(async () => {
  const sources = [talesOn('reference')];
  const access = { hosts: new Set(['box.example']), origins: new Set(['https://app.example']) };
  open = await serviceOf({ sources, access });
  keyed = await serviceOf({ sources, access: { keys: parseKeys(`${user.line}\n${admin.line}`) } });
});
afterAll(async () => {
  await open?.close();
  await keyed?.close();
});

const bearer = (key: string): RequestInit => ({ headers: { authorization: `Bearer ${key}` } });

describe('a host name', () => {
  test.each([
    ['localhost:8080', 200],
    ['127.0.0.1', 200],
    ['[::1]:80', 200],
    ['BOX.example:8080', 200],
    ['evil.example', 421],
    ['localhost.evil.example:8080', 421],
    ['127.0.0.1.evil.example', 421],
  ])('%s: %i', async (host, status) => {
    for (const path of ['/health', '/v1/models', '/nothing']) {
      const response = await open.ask(path, undefined, { headers: { host } });
      expect(response.status).toBe(status === 200 && path === '/nothing' ? 404 : status);
    }
  });
});

describe('a page', () => {
  it('of another origin is refused, whatever it asks', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://localhost:3000']) {
      for (const path of ['/health', '/v1/completions', '/admin/flash']) {
        const response = await open.ask(path, COMPLETION, { headers: { origin } });
        expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([403, null]);
      }
      expect((await open.ask('/v1/completions', undefined, { method: 'OPTIONS', headers: { origin } })).status).toBe(
        403,
      );
    }
  });

  it('that the service gave itself, or whose origin is allowed, may ask', async () => {
    expect(
      (await open.ask('/health', undefined, { headers: { origin: 'http://127.0.0.1', host: '127.0.0.1' } })).status,
    ).toBe(200);
    const allowed = { headers: { origin: 'https://app.example' } };
    const before = await open.ask('/v1/completions', undefined, { method: 'OPTIONS', ...allowed });
    expect([before.status, before.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization, content-type, x-mmfree-priority',
    ]);
    // Also what is refused: or the page could not read why.
    for (const body of [COMPLETION, {}, { ...COMPLETION, stream: true }]) {
      const response = await open.ask('/v1/completions', body, allowed);
      expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example');
    }
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    '',
  ])('cannot send a form: %j', async (type) => {
    const response = await open.ask('/v1/completions', COMPLETION, { headers: { 'content-type': type } });
    expect([response.status, await response.json()]).toMatchObject([415, { error: { code: 'wrong_content_type' } }]);
  });
});

describe('a key', () => {
  it('is needed everywhere but for health and readiness', async () => {
    const paths = [
      '/v1/models',
      '/v1/models/tales-9m',
      '/metrics',
      '/props',
      '/slots',
      '/openapi.json',
      '/nothing',
      '/admin/flash',
    ];
    for (const path of paths) {
      for (const init of [{}, bearer('mmfree-wrong'), { headers: { authorization: user.key } }]) {
        const response = await keyed.ask(path, undefined, init);
        expect([path, response.status, await response.json()]).toMatchObject([
          path,
          401,
          { error: { code: 'invalid_api_key' } },
        ]);
      }
    }
    for (const path of ['/v1/completions', '/v1/chat/completions', '/tokenize', '/detokenize']) {
      expect((await keyed.ask(path, {})).status).toBe(401);
    }
    for (const path of ['/health', '/ready']) expect((await keyed.ask(path)).status).toBe(200);
  });

  it('lets its owner in, by name in the log', async () => {
    expect((await keyed.ask('/v1/completions', COMPLETION, bearer(user.key))).status).toBe(200);
    expect(keyed.requests.at(-1)).toMatchObject({ path: '/v1/completions', status: 200, owner: 'laptop' });
    expect(JSON.stringify(keyed.requests)).not.toContain(user.key);
  });

  it('of its own is needed to administrate, also where others need none', async () => {
    expect((await keyed.ask('/admin/flash', {}, bearer(user.key))).status).toBe(401);
    expect((await keyed.ask('/admin/flash', {}, bearer(admin.key))).status).toBe(400);
    expect((await open.ask('/admin/flash', {})).status).toBe(401);
    expect((await open.ask('/admin', {}, bearer(admin.key))).status).toBe(401);
    // However its path is written, it is that path or none.
    for (const path of ['/%61dmin/flash', '/x/../admin/flash', '/./admin/flash', '/admin/%66lash']) {
      expect([path, (await open.ask(path, {}, bearer(admin.key))).status]).toEqual([path, 401]);
    }
    for (const path of ['//admin/flash', '/Admin/flash', '/admin%2Fflash', '/admin\\flash']) {
      expect([path, [401, 404].includes((await open.ask(path, {})).status)]).toEqual([path, true]);
    }
  });
});

it('a body that is too long is refused before it is read to its end', async () => {
  const small = await serviceOf({ sources: [talesOn('reference')], limits: { bodyBytes: 100 } });
  try {
    expect((await small.ask('/v1/completions', { prompt: 'x'.repeat(90) })).status).toBe(413);
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(60).fill(0x20));
        pulled++;
      },
    });
    const init = { method: 'POST', body: endless, duplex: 'half' as const };
    expect((await small.ask('/v1/completions', undefined, init)).status).toBe(413);
    expect(pulled).toBeLessThan(10);
  } finally {
    await small.close();
  }
});
