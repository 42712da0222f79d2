/** What the machine and its first thread tell each other. Every message is data that a port can copy. */
import type { ModelShape } from '../../../protocol/image/model-shape.js';
import type { SamplerSettings } from '../../../protocol/sampling.js';
import type { Want } from '../../machine/machine.js';
import type { KernelFamily } from './kernels.js';

/** How a model is computed. */
export interface CpuSetting {
  readonly family: KernelFamily;
  readonly threads: number;
}

/** What the first thread is started with, beside the way to the image. */
export interface CpuJob {
  readonly shape: ModelShape;
  /** What may be used; whatever is right here unless given. */
  readonly families?: readonly KernelFamily[] | undefined;
  /** At most; with more than one the memory is shared. */
  readonly threads: number;
  /** What was measured before; `fixed` if nothing shall be. */
  readonly setting?: CpuSetting | undefined;
  readonly isFixed?: boolean | undefined;
}

/**
 * Tokens to feed: first those of which nothing is wanted, then those with records, or one from which on tokens are
 * chosen.
 */
export interface RunOrder {
  readonly quiet: readonly number[];
  readonly tokens: readonly number[];
  readonly want: Want;
  /** Absent where nothing is chosen. */
  readonly choice?: { readonly maxTokens: number; readonly sampler: SamplerSettings; readonly firstDraw: number };
}

/** V × int32, Q12. */
export type LogitsArray = Int32Array<ArrayBuffer>;

export type CpuRequest =
  | { readonly do: 'open' | 'close' | 'save' | 'reset'; readonly sequence: number }
  | { readonly do: 'restore'; readonly sequence: number; readonly words: Int32Array }
  | { readonly do: 'run'; readonly sequence: number; readonly run: number; readonly order: RunOrder }
  /** The caller has the results of so many steps; what it has read of them can be filled again. */
  | {
      readonly do: 'seen';
      readonly sequence: number;
      readonly count: number;
      readonly spent: readonly LogitsArray[];
    }
  /** The run is over, and the state becomes that after so many steps. */
  | { readonly do: 'end'; readonly sequence: number; readonly steps: number };

/** What a run has got since the last message. */
export interface RunResults {
  readonly run: number;
  /** Tokens that were fed and of which nothing is wanted, in all. */
  readonly quiet: number;
  /** Of each step: the token that was fed, or the one that was chosen. */
  readonly ids: readonly number[];
  readonly receipts: readonly number[];
  readonly taps?: readonly (readonly number[])[];
  readonly logits?: readonly LogitsArray[];
}

export type CpuReport =
  /** @param window steps that a run may be ahead of its caller */
  | { readonly is: 'ready'; readonly window: number; readonly bytes: number }
  /** Matrices have something that is no weight. */
  | { readonly is: 'unsound' }
  | { readonly is: 'results'; readonly results: readonly RunResults[] }
  /** An answer to `open`, `end`, `save`, `restore` and `reset`, in order for each sequence. */
  | {
      readonly is: 'done';
      readonly sequence: number;
      readonly quiet?: number;
      readonly words?: Int32Array<ArrayBuffer>;
    }
  | { readonly is: 'refused'; readonly sequence: number; readonly why: string }
  | { readonly is: 'measured'; readonly setting: CpuSetting }
  | { readonly is: 'failed'; readonly error: unknown }
  /** Errors that go through a port lose what they are. */
  | { readonly is: 'unsupported'; readonly why: string }
  /** Somebody has written to the file of the image. */
  | { readonly is: 'changed' };
