/** The page at `/`, and its files. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../../model/package-file.js';
import { notFound } from '../api-error.js';
import type { Context } from '../packages/http.js';
import { PAGE_FILE, PAGE_PARTS } from '../page-files.js';
import type { App } from '../service.js';

const FOLDER = 'dist/serve/page';

/** Nothing but its own files, and the service that it came from. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
};

export function pageRoutes(app: App): void {
  const read = new Map<string, Uint8Array<ArrayBuffer>>();
  const answer = (context: Context, name: string, type: string): Response => {
    const content = read.get(name) ?? readFileSync(packageFile(`${FOLDER}/${name}`));
    read.set(name, content);
    return context.body(content, 200, { ...HEADERS, 'content-type': type });
  };
  app.get('/', (context) => answer(context, PAGE_FILE, 'text/html; charset=utf-8'));
  app.get('/page/:file', (context) => {
    const name = context.req.param('file');
    const type = PAGE_PARTS.get(name);
    if (type === undefined) throw notFound('GET', context.req.path, '');
    return answer(context, name, type);
  });
}
