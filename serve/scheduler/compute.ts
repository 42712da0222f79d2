/** A job on a sequence of a machine, from where it stands to its end. */
import { feedOnly, type Machine, type Sequence } from '../../model/machine/machine.js';
import { isEnd } from '../../protocol/image/end-tokens.js';
import { othersTurn } from '../others-turn.js';
import { follow } from './follow.js';
import type { Job, Receiver } from './job.js';
import { WORTH_TOKENS, type Prefixes } from './prefixes.js';
import { sampler } from './sampler.js';

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
  prefixes: Prefixes,
  signal: AbortSignal,
): Promise<void> {
  const { work } = job;
  if (work.told !== undefined) return await follow(work, work.told, machine, sequence, to, signal);
  if (job.state !== undefined) await sequence.restore(job.state);
  const known = machine.facts.can.state ? await goOn(job, sequence, prefixes) : undefined;
  let fed = known?.length ?? job.fed;
  for (const end of known?.ends ?? []) {
    await feedOnly(sequence, work.prompt.slice(fed, end), signal);
    if (signal.aborted) return;
    fed = end;
    prefixes.keep(work.prompt.slice(0, end), await sequence.save());
  }
  if (work.top !== undefined) return await computeScores(job, fed, machine, sequence, to, signal);
  const prompt = work.prompt.slice(fed);
  if (work.maxTokens === 0) return await feedOnly(sequence, prompt, signal);
  const { name } = machine.facts;
  // It may have been taken from its machine behind its last token.
  const isThere = job.isWhole && job.covered === job.given.length;
  const maxTokens = isThere ? 0 : work.maxTokens - job.covered;
  const run = maxTokens === 0 ? [] : sequence.generate({ prompt, maxTokens, sampler: work.sampler, signal });
  for await (const token of run) if (to.token({ ...token, machine: name })) break;
  if (known !== undefined && sequence.position - fed >= WORTH_TOKENS) {
    const ids = [...work.prompt, ...job.given.map(({ id }) => id)];
    prefixes.keep(ids.slice(0, sequence.position), await sequence.save());
  }
}

/** Where a prompt goes on, and which of its beginnings are to be kept. */
interface Beginning {
  /** Tokens of it that are fed. */
  readonly length: number;
  /** Ascending, all below the number of its tokens. */
  readonly ends: readonly number[];
}

/**
 * Restores what is known of the beginning of a text; undefined for one that begins with a state of its own, or of which
 * every token is to be told.
 */
async function goOn(job: Job, sequence: Sequence, prefixes: Prefixes): Promise<Beginning | undefined> {
  const { prompt, start, scoresPrompt, auditOf } = job.work;
  if (!prefixes.isOn || start !== undefined || scoresPrompt === true || auditOf !== undefined) return undefined;
  // The last token gives the logits from which the first one is chosen.
  const last = prompt.length - 1;
  const { state, length: found, shared } = prefixes.find(prompt.slice(0, last));
  let length = job.fed;
  if (job.state === undefined && state !== undefined) {
    await sequence.restore(state);
    length = found;
    job.found = Math.max(job.found, found);
  }
  const ends: number[] = [];
  for (const end of [shared, last]) if (end - (ends.at(-1) ?? length) >= WORTH_TOKENS) ends.push(end);
  return { length, ends };
}

/**
 * The state of a job that was taken from its machine becomes that from which it goes on.
 *
 * @throws what the machine throws
 */
export async function keepState(job: Job, sequence: Sequence): Promise<void> {
  const { prompt, start } = job.work;
  const state = await sequence.save();
  const before = start === undefined ? 0 : start.position + (start.chosen === undefined ? 0 : 1);
  const fed = Math.min(prompt.length, Math.max(0, state.position - before));
  // Behind a prompt of which nothing was chosen, nothing can be chosen any more: logits are not part of a state.
  if (fed === prompt.length && state.chosen === undefined) return;
  job.fed = fed;
  job.covered = state.nextDraw - (start?.nextDraw ?? 0);
  job.state = state;
  job.stateFrom = job.machine;
}

/** Tokens are chosen here, from logits of which a machine says everything. */
async function computeScores(
  { work }: Job,
  begun: number,
  machine: Machine,
  sequence: Sequence,
  to: Receiver,
  signal: AbortSignal,
): Promise<void> {
  const { prompt, start } = work;
  const { shape, name } = machine.facts;
  const quiet = work.scoresPrompt === true ? 0 : prompt.length - 1;
  if (quiet > begun) await feedOnly(sequence, prompt.slice(begun, quiet), signal);
  const draw = start?.nextDraw ?? 0;
  let fed: readonly number[] = prompt.slice(quiet);
  // Behind its first token of all, and then behind each one that was chosen.
  for (let count = 0; ; count++) {
    let at = quiet;
    let chosen: number | undefined;
    let isLast = false;
    for await (const { logits, receipt } of sequence.feed(fed, { want: 'logits', signal })) {
      if (logits === undefined) throw new TypeError(`${name} gave no logits`);
      // A machine gives many at once.
      await othersTurn();
      const next = count === 0 ? prompt[++at] : undefined;
      if (next !== undefined) {
        to.promptToken(next, logits);
      } else if (count < work.maxTokens) {
        const index = draw + count;
        chosen = sampler.choose(logits, work.sampler, index);
        isLast = to.token({ index, id: chosen, receipt, machine: name }, logits);
      }
    }
    if (chosen === undefined || isLast || isEnd(shape, chosen)) return;
    fed = [chosen];
  }
}
