/** Clients that send or take slowly, or nothing: how much longer others wait for their answers. */
import type { ChildProcess } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { median } from '../../cli/work/bench/input.js';
import { startReady } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';

/** Times are compared, so CI has none of it. */
const ROUNDS = count(0, 6);
const SLOW = 500;
const MOST_SHARE = 1.25;
const OTHERS = 4;
const ROUND_MS = 10_000;

let service: ChildProcess;
let url = '';

beforeAll(async () => {
  if (ROUNDS === 0) return;
  const { child, ready } = await startReady('serve', '--port', '0', '--backend', 'cpu', '--log-level', 'silent');
  service = child;
  url = ready.url!;
});
afterAll(() => service?.kill('SIGKILL'));

const BODY = JSON.stringify({ prompt: 'Once', max_tokens: 5, stream: true });
const HEAD = `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
const REQUEST = `${HEAD}content-length: ${BODY.length}\r\n\r\n${BODY}`;
/** The longest answer that needs no machine, whose work would delay others with any client. */
const READING = 'GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n';

/** Of all four kinds: says nothing; half a head; a byte now and then; takes nothing of its answer. */
function slowClient(index: number): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
  const kind = index % 4;
  if (kind === 1) socket.write(HEAD);
  if (kind === 2) {
    let sent = 0;
    const timer = setInterval(() => socket.write(REQUEST[sent++ % REQUEST.length]!), 2_000);
    socket.on('close', () => clearInterval(timer));
  }
  if (kind === 3) socket.pause().write(READING);
  // Who is cut off comes again.
  else socket.resume();
  return socket;
}

/** Milliseconds that an answer takes, about, for each of some clients who ask one after the other. */
async function waited(): Promise<number> {
  const times: number[] = [];
  const stopMs = performance.now() + ROUND_MS;
  const beClient = async (): Promise<void> => {
    for (let seed = 0; performance.now() < stopMs; seed++) {
      const startMs = performance.now();
      const body = JSON.stringify({ prompt: 'Once upon a time', max_tokens: 20, seed });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
      expect(response.status).toBe(200);
      await response.text();
      times.push(performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: OTHERS }, beClient));
  return median(times);
}

it.skipIf(ROUNDS === 0)(`${SLOW} of them delay others by a quarter at most`, async () => {
  await waited();
  const without: number[] = [];
  const withThem: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    without.push(await waited());
    const sockets = new Set<Socket>();
    let isOver = false;
    const add = (index: number): void => {
      const socket = slowClient(index);
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        if (!isOver) add(index);
      });
    };
    for (let index = 0; index < SLOW; index++) add(index);
    await sleep(1_000);
    withThem.push(await waited());
    isOver = true;
    for (const socket of sockets) socket.destroy();
    await sleep(1_000);
  }
  const [usual, delayed] = [median(without), median(withThem)];
  const share = delayed / usual;
  figure(
    `slow clients: an answer of 20 tokens to each of ${OTHERS}, alone and beside ${SLOW} slow or half-open ones`,
    `${usual.toFixed(0)} → ${delayed.toFixed(0)} ms (${(100 * (share - 1)).toFixed(0)} %)`,
  );
  expect(share).toBeLessThan(MOST_SHARE);
});
