/** A job on a board: what the board is told of its end. */
import { expect, it } from 'vitest';
import { BoardMachine } from '../../../device/board/board-machine.js';
import { CANCEL } from '../../../protocol/wire/messages-run.js';
import { compute } from '../../../serve/scheduler/compute.js';
import { Job } from '../../../serve/scheduler/job.js';
import { Prefixes } from '../../../serve/scheduler/prefixes.js';
import { BoardOnALine, countMessages } from '../../helpers/board-on-a-line.js';
import { goodImageOf } from '../../helpers/good-image.js';
import { all, alone, SECTIONS, work } from './machines.js';

// It used to be cancelled behind each text, and its state was known no more.
it.each([
  ['that has all its tokens ends by itself', undefined, 30, undefined],
  ['that ends before is cancelled', 7, 7, 1],
])('a text %s', async (_, lastAt, length, cancelled) => {
  const line = new BoardOnALine({ image: goodImageOf(SECTIONS) });
  const machine = new BoardMachine(await line.connect());
  const messages = countMessages(line);
  let seen = 0;
  const asked = work(4, { text: { push: () => ({ added: '', text: '', ...(++seen === lastAt && { end: 'stop' }) }) } });
  const job = new Job(asked, 0);
  const receiver = { token: job.give.bind(job), promptToken: () => {} };
  const prefixes = new Prefixes(() => 0);
  await line.clock.until(compute(job, machine, await machine.open(), receiver, prefixes, asked.signal));
  job.end();
  expect((await all(job)).map(({ receipt }) => receipt)).toEqual((await alone(asked)).slice(0, length));
  expect(messages.get(CANCEL.type)).toBe(cancelled);
});
