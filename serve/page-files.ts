/**
 * The files of the page, in `serve/page/`: open without a key, as there is nothing in them; what the page asks for
 * needs one.
 */

export const PAGE_FILE = 'index.html';

/** Those that it is made of, at `/page/NAME`, and their types. */
export const PAGE_PARTS: ReadonlyMap<string, string> = new Map([
  ['page.css', 'text/css; charset=utf-8'],
  ['icon.svg', 'image/svg+xml'],
  ['page.js', 'text/javascript; charset=utf-8'],
  ['client.js', 'text/javascript; charset=utf-8'],
  ['answer-view.js', 'text/javascript; charset=utf-8'],
  ['machines-view.js', 'text/javascript; charset=utf-8'],
]);

export const PAGE_PATHS: readonly string[] = ['/', ...Array.from(PAGE_PARTS.keys(), (name) => `/page/${name}`)];
