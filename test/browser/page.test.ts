/** The portable part, bundled as docs/guides/browser.md says, in a browser: the bits are those of Node. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { identityOf } from '../../engine/opened-machine.js';
import { FAMILIES, type KernelFamily } from '../../model/backends/cpu/kernels.js';
import { ImageFile } from '../../model/image-file.js';
import { readModelWeights } from '../../model/integer/model-weights.js';
import { referenceMachine } from '../../model/machine/reference.js';
import { testTokens } from '../../model/machine/test-tokens.js';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import type { SamplerSettings } from '../../protocol/sampling.js';
import { encodeState } from '../../protocol/state/state-file.js';
import { findChromium, openPage } from '../helpers/chromium.js';
import { TALES_IMAGE } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { portableFiles } from '../helpers/portable-files.js';
import type { PageResult, PageTask } from './page.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const chromium = findChromium();
if (chromium === undefined) console.warn('THE PAGE IS NOT TRIED: no Chromium here (Debian: apt-get install chromium)');

const moduleOf = (name: KernelFamily | 'step' | 'transcode'): string =>
  join(root, `dist/model/backends/cpu/${name}.wasm`);

const RECEIPTS = count(200, 2000);
const TEXTS = ['Once upon a time', 'She said: “Zoë’s 3 cats!”\n\n  ¿Qué?', '🙂 naïve \t end '];
const SAMPLER: SamplerSettings = { topK: 40, invTemperature: 1846, topP: 31_000, seedLow: 7, seedHigh: 0 };

/** As a user would, from TypeScript. @throws what esbuild says, also where something needs Node */
async function bundle(contents: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    format: 'esm',
    target: 'es2023',
    minify: true,
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.contents;
}

function sizeOf(bytes: Uint8Array): string {
  const kib = (length: number): string => `${(length / 1024).toFixed(0)} KiB`;
  return `${kib(bytes.length)}, ${kib(gzipSync(bytes).length)} compressed`;
}

/** Serves files by path, and resolves with what is posted. */
async function serve(
  files: ReadonlyMap<string, Uint8Array | string>,
): Promise<{ server: Server; posted: Promise<string> }> {
  let post: (body: string) => void = () => {};
  const posted = new Promise<string>((resolve) => (post = resolve));
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        response.end();
        post(body);
      });
      return;
    }
    const file = files.get(request.url ?? '');
    const type = request.url === '/page.js' ? 'text/javascript' : 'text/html';
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': type }).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, posted };
}

test('all that is said to be portable is bundled without Node', async () => {
  const everything = portableFiles().map((file, index) => `export * as m${index} from './${file.slice(0, -3)}.js';`);
  const bytes = await bundle(everything.join('\n'));
  figure('browser bundle: all portable modules', sizeOf(bytes));
  expect(bytes.length).toBeGreaterThan(100_000);
});

test("the guide's program is bundled", async () => {
  const guide = readFileSync(join(root, 'docs/guides/browser.md'), 'utf8');
  const [, program] = /```ts\n(.*?)```/s.exec(guide)!;
  expect((await bundle(program!)).length).toBeGreaterThan(50_000);
});

describe.skipIf(chromium === undefined)('a page', () => {
  test(`computes ${RECEIPTS} receipts of Node, goes on from Node's state, reads text, checks image and signature`, async () => {
    const page = await bundle("import './test/browser/page.js';");
    figure('browser bundle: the page of the test', sizeOf(page));

    const image = ImageFile.openChecked(TALES_IMAGE);
    const { view } = image;
    const machine = referenceMachine(readModelWeights(image.residentWeights()), identityOf(view));
    const tokens = testTokens(RECEIPTS, view.shape.vocabSize);
    const receipts: number[] = [];
    for await (const { receipt } of (await machine.open()).feed(tokens)) receipts.push(receipt);

    const sequence = await machine.open();
    const generated: [number, number][] = [];
    const generate = async (prompt: readonly number[], maxTokens: number): Promise<Uint8Array> => {
      generated.length = 0;
      for await (const { id, receipt } of sequence.generate({ prompt, maxTokens, sampler: SAMPLER })) {
        generated.push([id, receipt]);
      }
      const state = await sequence.save();
      return encodeState({ image: view.seal.sha256, shape: view.shape, state, sampler: SAMPLER });
    };
    const tokenizer = await loadTokenizer(image.section('tokenizer'), view.shape);
    const half = await generate(tokenizer.encode(TEXTS[0]!), 50);

    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const message = Buffer.from('a message');
    const task: PageTask = {
      tokens,
      generate: 50,
      texts: TEXTS,
      publicKey: [...publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)],
      message: [...message],
      signature: [...sign(null, message, privateKey)],
    };
    const { server, posted } = await serve(
      new Map<string, Uint8Array | string>([
        ['/', '<!doctype html><script type="module" src="/page.js"></script>'],
        ['/page.js', page],
        ['/image', readFileSync(TALES_IMAGE)],
        ...([...FAMILIES, 'step', 'transcode'] as const).map(
          (name) => [`/${name}.wasm`, readFileSync(moduleOf(name))] as const,
        ),
        ['/state', half],
        ['/task', JSON.stringify(task)],
      ]),
    );
    const browser = openPage(chromium!, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const died = browser.ended.then((said) => JSON.stringify({ error: `the browser has ended: ${said}` }));
    let answer: string;
    try {
      answer = await Promise.race([posted, died]);
    } finally {
      await browser.close();
      server.close();
    }
    const result = JSON.parse(answer) as PageResult & { readonly error?: string };

    expect(result.error).toBeUndefined();
    expect(result.receipts).toEqual(receipts);
    expect(result.cpuReceipts).toEqual(Object.fromEntries(FAMILIES.map((family) => [family, receipts])));
    expect(result.simulatorReceipts).toEqual(receipts.slice(0, 3));
    const end = await generate([], 50);
    expect(generated).toHaveLength(50);
    expect(result.generated).toEqual(generated);
    expect(Uint8Array.from(result.state)).toEqual(Uint8Array.from(end));
    expect(result.encoded).toEqual(TEXTS.map((text) => tokenizer.encode(text)));
    expect(result.decoded).toEqual(TEXTS);
    expect(result.signatures).toEqual([true, false]);
    expect(result.damage).toBe('image-damaged');
    image.close();
  });
});
