/** The page of the service, in Chromium, used by keys as people without a mouse do. */
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest';
import { newKey, parseKeys } from '../../../serve/access/keys.js';
import { createApp } from '../../../serve/app.js';
import { PAGE_PATHS } from '../../../serve/page-files.js';
import { listen, type RunningServer } from '../../../serve/server.js';
import { findChromium } from '../../helpers/chromium.js';
import { DrivenPage } from '../../helpers/devtools.js';
import { serviceOf, type ServiceUnderTest } from '../../helpers/service.js';

const chromium = findChromium();
if (chromium === undefined) console.warn('THE PAGE OF THE SERVICE IS NOT TRIED: no Chromium here');

const { key, line } = newKey('reader', false);
let open: ServiceUnderTest;
let closed: ServiceUnderTest;
const servers: RunningServer[] = [];
beforeAll(async () => {
  open = await serviceOf();
  closed = await serviceOf({ access: { keys: parseKeys(line) } });
});
afterAll(async () => {
  for (const server of servers) server.cut();
  await open.close();
  await closed.close();
});

describe('the files of the page', () => {
  test.each([...PAGE_PATHS])('%s need no key, and let nothing in from elsewhere', async (path) => {
    const response = await closed.ask(path);
    expect(response.status).toBe(200);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(policy).not.toContain('unsafe');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await response.text()).length).toBeGreaterThan(100);
  });

  it('name no others than these', async () => {
    const texts = await Promise.all(PAGE_PATHS.map(async (path) => await (await open.ask(path)).text()));
    const named = texts.flatMap((text) => [...text.matchAll(/(?:href|src)="(\/[^"]*)"|from '\.\/([^']*)'/g)]);
    for (const [, path, module] of named) expect(PAGE_PATHS).toContain(path ?? `/page/${module}`);
  });
});

describe.runIf(chromium !== undefined)('the page', () => {
  let page: DrivenPage;
  afterEach(() => page?.close());

  async function opened(tested: ServiceUnderTest): Promise<void> {
    const server = await listen(createApp(tested.service), { host: '127.0.0.1', port: 0 });
    servers.push(server);
    page = await DrivenPage.open(chromium!, server.url);
  }

  const shows = async (expression: string, expected: unknown): Promise<void> => {
    await expect.poll(async () => await page.value(expression), { timeout: 15_000 }).toEqual(expected);
  };
  const text = (selector: string): string => `document.querySelector('${selector}')?.textContent`;

  it('goes on with a text, and every receipt of it becomes green', async () => {
    await opened(open);
    await shows('document.activeElement?.id', 'said');
    await page.value(`document.getElementById('seed').value = '5'; document.getElementById('tokens').value = '40'`);
    await page.type('Once upon a time');
    await page.press('Enter');
    await shows(`document.querySelectorAll('.receipts .good').length`, 40);
    const { choices } = await open.json('/v1/completions', { prompt: 'Once upon a time', seed: 5, max_tokens: 40 });
    await shows(text('article .text'), `Once upon a time${choices[0]!.text}`);
    expect(await page.value(text('.verdict'))).toBe('✓ 40 receipts computed again on cpu: every one is the same');
    // As people see it who do not see it.
    expect(await page.value(text('#status'))).toBe('Every receipt is right.');
    expect(await page.value(text('.facts'))).toMatch(
      /^40 tokens · \d+ tokens\/s · first after \d+ ms · seed 5 · on cpu/,
    );
    await shows(text('#machines .name'), 'cpu');
    expect(page.complaints).toEqual([]);
  });

  it('chats, by keys alone, and Escape stops an answer', async () => {
    await opened(open);
    await shows('document.activeElement?.id', 'said');
    await page.value(
      `document.querySelector('input[value=chat]').click(); document.getElementById('tokens').value = '10000'`,
    );
    await page.value(`document.getElementById('temperature').value = 0`);
    await page.type('Hello');
    await page.press('Enter');
    await shows(`document.querySelectorAll('.receipts span').length > 20`, true);
    await page.press('Escape');
    await shows(text('#status'), 'Stopped.');
    await shows('document.activeElement?.id', 'said');
    await page.value(`document.getElementById('tokens').value = '5'`);
    await page.type('And then?');
    await page.press('Enter');
    await shows(`document.querySelectorAll('.receipts .good').length`, 5);
    expect(await page.value(`[...document.querySelectorAll('.mine')].map((one) => one.textContent)`)).toEqual([
      'Hello',
      'And then?',
    ]);
    expect(page.complaints).toEqual([]);
  });

  it('asks for a key where one is needed, and keeps it in the page', async () => {
    await opened(closed);
    await shows('document.activeElement?.id', 'key');
    await page.type(key);
    await page.press('Enter');
    await shows(`document.querySelector('#model')?.value`, 'tales-9m');
    expect(await page.value(`localStorage.length + sessionStorage.length + document.cookie.length`)).toBe(0);
  });

  it('has a name for everything that can be used, in the order of the page', async () => {
    await opened(open);
    await shows(text('#model-words'), expect.stringContaining('8 layers'));
    const nameless = `[...document.querySelectorAll('input, textarea, select, button')].filter((one) =>
      !one.labels?.length && !one.textContent.trim()).map((one) => one.outerHTML)`;
    expect(await page.value(nameless)).toEqual([]);
    const { nodes } = (await page.send('Accessibility.getFullAXTree')) as {
      readonly nodes: readonly {
        readonly role?: { readonly value: string };
        readonly name?: { readonly value: string };
      }[];
    };
    const named = nodes.map(({ role, name }) => `${role?.value}: ${name?.value}`);
    for (const one of ['log: Conversation', 'textbox: Message', 'button: Send', 'heading: Machines', 'status: ']) {
      expect(named).toContain(one);
    }
  });
});
