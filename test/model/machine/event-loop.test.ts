import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EventLoop } from '../../../model/machine/event-loop.js';

test('each turn lets everything else have one', async () => {
  const loop = new EventLoop();
  let others = 0;
  const other = setInterval(() => others++, 0);
  const count = (): void => void (++others < 100 && setImmediate(count));
  setImmediate(count);
  for (let turns = 0; turns < 100; turns++) await loop.turn();
  clearInterval(other);
  loop.close();
  expect(others).toBeGreaterThanOrEqual(99);
});

test('a turn lets timers and immediate work through, however many turns follow each other', async () => {
  const loop = new EventLoop();
  const heard: string[] = [];
  setTimeout(() => heard.push('timer'), 1);
  for (let turns = 0; turns < 1e6 && heard.length === 0; turns++) await loop.turn();
  loop.close();
  expect(heard).toEqual(['timer']);
});

test('one that is closed does not keep Node from ending', () => {
  const module = JSON.stringify(join(import.meta.dirname, '../../../dist/model/machine/event-loop.js'));
  const program = `const { EventLoop } = await import(${module});
    const loop = new EventLoop(); await loop.turn(); loop.close(); console.log('done')`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect([stdout, status]).toEqual(['done\n', 0]);
});
