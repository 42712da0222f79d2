/** A job on a sequence of a machine, from where it stands to its end. */
import { Sampler } from '../../model/integer/sampler.js';
import { feedOnly, type Machine, type Sequence } from '../../model/machine/machine.js';
import { isEnd } from '../../protocol/image/end-tokens.js';
import { exp2Table } from '../../protocol/image/tables.js';
import type { GivenToken, Job } from './job.js';
import { scoreOf, type Score } from './score.js';

/** The table of every image. */
const sampler = new Sampler(exp2Table());

/** Takes what comes, until the job is taken away from this machine. */
export interface Receiver {
  token(token: GivenToken): void;
  promptScore(score: Score): void;
}

/**
 * Computes a job that has a new sequence. Whoever aborts it may keep its state then, if it is movable.
 *
 * @throws what the machine throws; ApiError `machine_differs`
 */
export async function compute(
  job: Job,
  machine: Machine,
  sequence: Sequence,
  to: Receiver,
  signal: AbortSignal,
): Promise<void> {
  const { work } = job;
  if (job.state !== undefined) await sequence.restore(job.state);
  if (work.top !== undefined) return await computeScores(job, work.top, machine, sequence, to, signal);
  const prompt = work.prompt.slice(job.fed);
  if (work.maxTokens === 0) return await feedOnly(sequence, prompt, signal);
  const { name } = machine.facts;
  const maxTokens = work.maxTokens - job.covered;
  for await (const token of sequence.generate({ prompt, maxTokens, sampler: work.sampler, signal })) {
    to.token({ ...token, machine: name });
  }
}

/** The state of a job that was taken from its machine becomes that from which it goes on. @throws what the machine throws */
export async function keepState(job: Job, sequence: Sequence): Promise<void> {
  const { work, state: before } = job;
  const state = await sequence.save();
  const waiting = before?.chosen === undefined ? 0 : 1;
  const fed = Math.max(0, state.position - (before?.position ?? 0) - waiting);
  const covered = state.nextDraw - (work.start?.nextDraw ?? 0);
  job.fed = covered > 0 ? work.prompt.length : job.fed + fed;
  job.covered = covered;
  job.state = state;
}

/** Tokens are chosen here, from logits of which a machine says everything. */
async function computeScores(
  { work }: Job,
  top: number,
  machine: Machine,
  sequence: Sequence,
  to: Receiver,
  signal: AbortSignal,
): Promise<void> {
  const { prompt, start } = work;
  const { shape, name } = machine.facts;
  const quiet = work.scoresPrompt === true ? 0 : prompt.length - 1;
  if (quiet > 0) await feedOnly(sequence, prompt.slice(0, quiet), signal);
  const draw = start?.nextDraw ?? 0;
  let fed: readonly number[] = prompt.slice(quiet);
  // Behind its first token of all, and then behind each one that was chosen.
  for (let count = 0; ; count++) {
    let at = quiet;
    let chosen: number | undefined;
    for await (const { logits, receipt } of sequence.feed(fed, { want: 'logits', signal })) {
      if (logits === undefined) throw new TypeError(`${name} gave no logits`);
      const next = count === 0 ? prompt[++at] : undefined;
      if (next !== undefined) {
        to.promptScore(scoreOf(logits, next, top));
      } else if (count < work.maxTokens) {
        const index = draw + count;
        chosen = sampler.choose(logits, work.sampler, index);
        to.token({ index, id: chosen, receipt, machine: name, score: scoreOf(logits, chosen, top) });
      }
    }
    if (chosen === undefined || isEnd(shape, chosen) || count + 1 === work.maxTokens) return;
    fed = [chosen];
  }
}
