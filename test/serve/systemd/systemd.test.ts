/** The unit of the package in a real systemd: it starts, is watched, reloads, keeps its state, and ends. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../helpers/command-line.js';
import { count, figure } from '../../helpers/counts.js';

/** Minutes of starting and ending. */
const isLong = count(0, 1) === 1;
const isPossible = isLong && process.getuid?.() === 0 && existsSync('/lib/systemd/systemd');
if (isLong && !isPossible) console.warn('THE UNIT IS NOT TRIED: that takes root, and systemd');

const path = temporaryFolder();
const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

it.skipIf(!isPossible)('systemd starts it, watches it, reloads it and ends it', () => {
  const told = path('');
  const checkout = fileOf('../../..');
  spawnSync('bash', [fileOf('lab.sh'), told, fileOf('steps.sh'), checkout], { stdio: 'inherit' });
  const lines = readFileSync(path('printed'), 'utf8').trim().split('\n');
  const facts = new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
  const { 'stopped-after-ms': stoppedAfter, ...found } = Object.fromEntries(facts) as Record<string, string>;
  expect(found, readFileSync(path('journal'), 'utf8').slice(-5000)).toEqual({
    started: 'active',
    user: 'other',
    capabilities: '0000000000000000',
    said: '6',
    folder: '700 kitchen.mmfs',
    reloaded: 'active "queue":7',
    'behind-a-wrong-option': 'active',
    'restarts-of-one-that-lives': '0',
    hung: 'active 1',
    killed: 'active 2',
    'goes-on': '11',
    waiting: '"waiting":3',
    stopped: 'inactive success',
    'streams-with-an-end': '50',
    'ready-beside-a-busy-systemd': '10',
  });
  expect(Number(stoppedAfter)).toBeLessThan(6_000);
  const [, version = ''] =
    /^systemd (\d+)/.exec(spawnSync('systemctl', ['--version'], { encoding: 'utf8' }).stdout) ?? [];
  figure(
    `systemd ${version}: the unit is ready, reloaded, started anew when it hangs or is killed, keeps its conversations`,
    `all of it; ended ${stoppedAfter} ms after its SIGTERM with 50 open streams; ready 10 times of 10 beside a busy systemd`,
  );
});
