/** A run of a sequence on a GPU: what is given and what was chosen, how far it is, and what steers its steps. */
import type { SamplerSettings } from '../../../protocol/sampling.js';
import { RESULT_SLOTS } from './run-kernels.js';
import type { ControlValues } from './kernels/control.js';

/**
 * Tokens that a run may be given before the one from which it chooses: a submission begins with them, and has one step
 * more.
 */
export const LEAD_MOST = RESULT_SLOTS - 1;

/** A sequence as the pool knows it. */
export interface Tenant {
  /** Where its state is; changes as sequences move. */
  slot: number;
}

export interface ChosenToken {
  readonly id: number;
  readonly receipt: number;
}

interface Waiter {
  resolve(token: ChosenToken | undefined): void;
  reject(error: unknown): void;
}

/** A run, from the first token that it feeds on: a step feeds one token and chooses the next, unless that is given. */
export class TokenRun {
  readonly tenant: Tenant;
  readonly sampler: SamplerSettings;
  readonly maxTokens: number;
  readonly firstDraw: number;
  /** Tokens that are given behind the first: so many steps come before the first that chooses. */
  readonly lead: number;
  /** What is fed: the tokens that are given, then those that were chosen. The last of them was not fed yet. */
  readonly chain: number[];
  /** Tokens that were chosen and not read. */
  queue: ChosenToken[] = [];
  /** Steps up to the token that the caller has. */
  read = 0;
  /** Steps that the GPU has, or had. */
  submitted = 0;
  isEnded = false;
  /** How often it has joined: what was submitted before it was set aside is not its own any more. */
  visit = 0;
  /** Row of the steps, while it is under way. */
  row: number | undefined;
  waiter: Waiter | undefined;
  /** Its way back to what its caller has seen, when it was set aside: nothing may be done with its state before. */
  returning: Promise<void> | undefined;
  error: Error | undefined;

  /** @param given at least one token, and at most {@link LEAD_MOST} before the last */
  constructor(
    tenant: Tenant,
    given: readonly number[],
    maxTokens: number,
    sampler: SamplerSettings,
    firstDraw: number,
  ) {
    this.tenant = tenant;
    this.sampler = sampler;
    this.maxTokens = maxTokens;
    this.firstDraw = firstDraw;
    this.chain = [...given];
    this.lead = given.length - 1;
  }

  /** Steps from its beginning to its end. */
  get steps(): number {
    return this.lead + this.maxTokens;
  }

  /** Whether the caller has not asked for more than there is. */
  get isUnread(): boolean {
    return this.queue.length > 0 || (!this.isEnded && this.waiter === undefined);
  }
}

/** What steers a run from a step on, which feeds a token that is known here. */
export function steering(
  { sampler, chain, lead, firstDraw, steps }: TokenRun,
  step: number,
  slot: number,
): ControlValues {
  return {
    token: chain[step],
    index: firstDraw + Math.max(0, step - lead),
    remaining: steps - Math.max(step, lead),
    done: 0,
    topK: sampler.topK,
    invTemperature: sampler.invTemperature,
    topP: sampler.topP,
    seedLow: sampler.seedLow,
    seedHigh: sampler.seedHigh,
    slot,
  };
}
