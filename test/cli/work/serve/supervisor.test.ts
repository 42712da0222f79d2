/** What systemd hears, by a program of its name that writes it down. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it, vi } from 'vitest';
import { Supervisor } from '../../../../cli/work/serve/supervisor.js';
import { temporaryFolder } from '../../../helpers/command-line.js';

const path = temporaryFolder();
let said = '';
let env: { readonly PATH: string; readonly NOTIFY_SOCKET: string };
beforeAll(() => {
  said = path('said');
  writeFileSync(path('systemd-notify'), `#!/bin/sh\necho "$@" >> ${said}\n`, { mode: 0o755 });
  env = { PATH: `${path('.')}:/bin:/usr/bin`, NOTIFY_SOCKET: '/run/none' };
});
const failures: unknown[] = [];
const supervisor = (more: Record<string, string>): Supervisor =>
  new Supervisor({ ...env, ...more }, (error) => void failures.push(error));

/** Waits for so many lines, and takes them. */
async function heard(count: number): Promise<string[]> {
  for (;;) {
    const lines = existsSync(said) ? readFileSync(said, 'utf8').split('\n').slice(0, -1) : [];
    if (lines.length >= count) {
      writeFileSync(said, '');
      return lines;
    }
    await sleep(5);
  }
}

it('is when it is ready, reloads and stops', async () => {
  const told = supervisor({});
  told.ready(() => true);
  expect(await heard(1)).toEqual(['READY=1']);
  told.reloading();
  expect(await heard(1)).toEqual([expect.stringMatching(/^RELOADING=1 MONOTONIC_USEC=\d+$/)]);
  told.reloaded();
  expect(await heard(1)).toEqual(['READY=1']);
  told.stopping();
  expect(await heard(1)).toEqual(['STOPPING=1']);
});

it('is at half of its time that the service lives, and no more when it does not', async () => {
  let isAlive = true;
  const asked = vi.fn<() => boolean>(() => isAlive);
  const told = supervisor({ WATCHDOG_USEC: '20000', WATCHDOG_PID: String(process.pid) });
  told.ready(asked);
  const lines = await heard(4);
  expect(lines).toEqual(['READY=1', ...lines.slice(1).fill('WATCHDOG=1')]);
  isAlive = false;
  const before = asked.mock.calls.length;
  const others = before - (lines.length - 1);
  while (asked.mock.calls.length < before + 3) await sleep(5);
  told.stopping();
  expect(await heard(others + 1)).toHaveLength(others + 1);
});

it('is nothing without systemd, and of a watchdog of another process', async () => {
  new Supervisor({ PATH: env.PATH }, () => {}).ready(() => true);
  const other = supervisor({ WATCHDOG_USEC: '10', WATCHDOG_PID: '1' });
  other.ready(() => true);
  expect(await heard(1)).toEqual(['READY=1']);
  other.stopping();
  await heard(1);
});

it('where there is no such program, that is told', async () => {
  new Supervisor({ NOTIFY_SOCKET: '/run/none', PATH: '/none' }, (error) => void failures.push(error)).stopping();
  while (failures.length === 0) await sleep(5);
  expect(failures).toEqual([expect.objectContaining({ code: 'ENOENT' })]);
});
