/**
 * What every source of tokens offers: the reference, later the CPU, the GPU and a board.
 *
 * A backend owns its weights and one recurrent state. Calls are sequential: a caller waits for one to end before the next.
 */
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { SamplerSettings } from '../../protocol/sampling.js';

/** What a backend reports of one step, if asked (docs/ARITHMETIC.md, section 7). */
export interface StepRecord {
  /** The token that was fed. */
  readonly token: number;
  /** CRC-32 of the logits after it. */
  readonly receipt: number;
  /** CRC-32 of the residual after the embedding and after each layer, L + 1 of them; absent unless asked for. */
  readonly taps?: readonly number[];
}

/** One token that a backend chose. */
export interface GeneratedToken {
  /** 0 for the first token of the run. */
  readonly index: number;
  readonly id: number;
  /** CRC-32 of the logits that it was chosen from. */
  readonly receipt: number;
}

/** A run: feed `prompt` to the current state, then choose up to `maxTokens` tokens. */
export interface GenerateRequest {
  /** At least one token id, each below V. */
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly sampler: SamplerSettings;
  /** Index of the first token to choose, for a run that resumes; 0 for a new one. */
  readonly firstIndex?: number;
  /** Ends the run after the token in flight. */
  readonly signal?: AbortSignal;
  /** Is told now and then how many tokens of a long prompt are fed. */
  readonly onPrompt?: (fed: number) => void;
}

/** A machine that computes the integer model. */
export interface Backend {
  /** For people: `reference`, `cpu`, `gpu`, or a board's name. */
  readonly name: string;
  readonly shape: ModelShape;
  /** Starts a new sequence: the state becomes zero. */
  reset(): Promise<void>;
  /** Feeds given tokens and reports each step. Stops early when `signal` aborts. */
  replay(
    tokens: readonly number[],
    options: { readonly taps: boolean; readonly signal?: AbortSignal },
    onStep: (record: StepRecord) => void,
  ): Promise<void>;
  /** Yields tokens as they are chosen, one that ends a text included, after which it ends. */
  generate(request: GenerateRequest): AsyncIterable<GeneratedToken>;
  /** Frees everything; the backend is unusable afterwards. */
  close(): Promise<void>;
}
