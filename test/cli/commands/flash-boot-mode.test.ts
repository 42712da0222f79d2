/** One command makes a board of an emulated Pico in boot mode: its boot ROM is a model, its firmware the binary. */

import { writeFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { mmfree, mmfreeJson, startBoard, temporaryFolder } from '../../helpers/command-line.js';
import { goodImage, goodImageOf } from '../../helpers/good-image.js';
import { TINY_SHAPE, tinySections } from '../../helpers/tiny-image.js';

const path = temporaryFolder();
const USBIP = ['--usbip', '127.0.0.1:0'];

beforeAll(() => {
  writeFileSync(path('first'), goodImage(1, { tokenizer: new Uint8Array(0), name: 'first' }));
  writeFileSync(path('wide'), goodImageOf(tinySections(1, { ...TINY_SHAPE, hiddenSize: 257 })));
});

it('gets firmware and model, starts, and tells what it runs', async () => {
  const pico = await startBoard('--pico', '--boot', ...USBIP);
  const board = ['--board', pico.selector];
  const plan = await mmfreeJson('flash', path('first'), ...board, '--dry-run');
  expect(plan.result).toMatchObject({ exit: 0, dry_run: true });
  const { result, events } = await mmfreeJson('flash', path('first'), ...board);
  expect(result).toMatchObject({ exit: 0, over: 'PICOBOOT', outcome: 'flashed', image: 'first', tested_tokens: 4 });
  expect(result['written_bytes']).toBe(plan.result['differing_bytes']);
  expect(result['board']).toMatch(/^rp2040 /);
  expect(events.findLast(({ type }) => type === 'progress')).toMatchObject({ unit: 'bytes' });
  await pico.stop();
});

it('keeps its flash where it has no room for the model', async () => {
  const pico = await startBoard('--pico', '--boot', ...USBIP);
  const { exit, result } = await mmfreeJson('flash', path('wide'), '--board', pico.selector);
  expect([exit, result['error']]).toMatchObject([7, { code: 'board-model-too-large' }]);
  await pico.stop();
});

it.each([
  ['without USB', ['--pico', '--boot']],
  ['with an image', ['--pico', '--boot', ...USBIP, '--image', 'first']],
  ['that is none', ['--boot', ...USBIP]],
  ['that simulates gateware', ['--rtl', '--boot']],
])('there is no Pico in boot mode %s', async (_, options) => {
  const { exit, stderr } = await mmfree(
    'virtual-board',
    ...options.map((option) => option.replace(/^first$/, path('first'))),
  );
  expect([exit, stderr.lines.length]).toEqual([2, 3]);
});
