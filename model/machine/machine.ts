/**
 * What computes tokens, whatever it is: a machine holds a model, and opens sequences; a sequence is one text with its
 * state.
 *
 * Interfaces only. Every machine keeps these promises, and `test/model/machine/promises.ts` tests each on every
 * machine:
 *
 * - A sequence does one thing at a time; sequences of one machine may be used by callers that know nothing of each
 *   other. No sequence waits for the reader of another.
 * - The state is always that of what the caller has seen. After `feed` it is the state behind the last token fed; when
 *   the caller leaves the iterator in the middle, or aborts, behind the last token of which it got the record (with
 *   `want: 'nothing'`, `position` tells how many were fed). After `generate`, also when it is left in the middle or
 *   aborted, the last token that the caller got is chosen and not fed, and everything before it is fed.
 * - An abort is no error: iterations end, after the token in flight. If it comes before the first token, `position`
 *   tells what was fed.
 * - What is refused (a token that is none, a state that is impossible) is refused before anything is fed or changed.
 * - A lost device: the call that meets it throws the machine's error. The sequence keeps what its caller has seen if
 *   the machine can bring it back, and throws the same error again if not. A state that was saved before is good on any
 *   machine.
 */
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { SamplerSettings } from '../../protocol/sampling.js';
import type { SequenceState } from '../../protocol/state/sequence-state.js';

/** What a machine is, for those who choose among machines and for reports. */
export interface MachineFacts {
  /** For people: `reference`, `gpu`, or a board's name. */
  readonly name: string;
  /** Of which kind it is: the name of its entry in the registry. */
  readonly kind: string;
  /** Of the model that it computes. */
  readonly shape: ModelShape;
  /** Which image it computes. */
  readonly image: ImageIdentity;
  /** Sequences that can be open at once; Infinity if only memory limits them. */
  readonly sequences: number;
  /** What not every machine can do, and whether this one can. */
  readonly can: MachineAbilities;
}

/** Which image it is. */
export interface ImageIdentity {
  /** That in its manifest. */
  readonly name: string;
  /** SHA-256 of the seal: the same bytes have the same. */
  readonly sha256: Uint8Array;
}

/** What not every machine can do. */
export interface MachineAbilities {
  /** `feed` with `want: 'taps'`. */
  readonly taps: boolean;
  /** `feed` with `want: 'logits'`. */
  readonly logits: boolean;
  /** Tokens are chosen by the machine; otherwise by this computer, from what the machine sends. */
  readonly sampling: boolean;
  /** `save` and `restore`. */
  readonly state: boolean;
  /** Several sequences at once take less time than one after the other. */
  readonly batches: boolean;
}

/** What computes tokens of one model, for any number of texts. */
export interface Machine {
  /** What it is. */
  readonly facts: MachineFacts;
  /**
   * A sequence in the state zero.
   *
   * @throws RangeError if there are `facts.sequences` already; what the machine throws
   */
  open(): Promise<Sequence>;
  /** Frees everything; machine and sequences are unusable afterwards. */
  close(): Promise<void>;
}

/** What is wanted of each token: nothing saves the head, and the time of it. */
export type Want = 'nothing' | 'receipts' | 'taps' | 'logits';

/** What a machine reports of one token that was fed (docs/ARITHMETIC.md, section 7). */
export interface StepRecord {
  /** The token that was fed. */
  readonly token: number;
  /** CRC-32 of the logits after it. */
  readonly receipt: number;
  /** CRC-32 of the residual after the embedding and after each layer, L + 1 of them; where taps are wanted. */
  readonly taps?: readonly number[];
  /** V × int32, Q12, until the next record; where logits are wanted. */
  readonly logits?: Int32Array;
}

/** One token that was chosen. */
export interface GeneratedToken {
  /** How many were chosen before it in this sequence: the index of its draw. */
  readonly index: number;
  /** Which token, below V. */
  readonly id: number;
  /** CRC-32 of the logits that it was chosen from. */
  readonly receipt: number;
}

/** How tokens are fed. */
export interface FeedOptions {
  /** `receipts` unless something else is said. */
  readonly want?: Want;
  /** Ends it, which is no error. */
  readonly signal?: AbortSignal | undefined;
}

/** Feed what was chosen and not fed, then `prompt`; then choose up to `maxTokens` tokens. */
export interface GenerateRequest {
  /** Token ids below V; may be empty if a token was chosen and not fed. */
  readonly prompt: readonly number[];
  /** At least 1. */
  readonly maxTokens: number;
  /** How tokens are chosen. */
  readonly sampler: SamplerSettings;
  /** Ends it, which is no error. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Is told now and then how far a long prompt is.
   *
   * @param fed tokens of it that are fed
   */
  readonly onPrompt?: ((fed: number) => void) | undefined;
}

/** One text with its state on a machine. */
export interface Sequence {
  /** Tokens fed since the state was zero. */
  readonly position: number;
  /**
   * Feeds tokens, behind the one that was chosen and not fed if there is one (of which there is no record).
   *
   * @param tokens ids below V; may be none
   * @param options what is wanted of them
   * @returns a record of each token; none where nothing is wanted
   * @throws RangeError for what is no token, and for wants that the machine cannot meet
   */
  feed(tokens: readonly number[], options?: FeedOptions): AsyncIterable<StepRecord>;
  /**
   * Tokens as they are chosen, an end token included, after which it ends.
   *
   * @param request prompt, number of tokens, sampler
   * @throws RangeError for what is no token, and if there is nothing to feed or to choose
   */
  generate(request: GenerateRequest): AsyncIterable<GeneratedToken>;
  /** The state as a value. @throws RangeError if the machine has no `can.state` */
  save(): Promise<SequenceState>;
  /**
   * Goes on from a state, of this machine or another one with the same image.
   *
   * @param state what `save` gave, or a file says; it is checked
   * @throws StateError `state-impossible`; RangeError if the machine has no `can.state`
   */
  restore(state: SequenceState): Promise<void>;
  /**
   * What is left of the text when the machine is lost for good; absent on machines of which no state is ever elsewhere.
   *
   * @returns the latest of the states on the way to the present one that this computer has a copy of; undefined if it
   * has none
   */
  lastCopy?(): Pick<SequenceState, 'position' | 'words'> | undefined;
  /** Begins anew in the state zero. */
  reset(): Promise<void>;
  /** Gives back its place on the machine. */
  close(): Promise<void>;
}

/** Feeds tokens and wants nothing of them. @throws what `feed` throws */
export async function feedOnly(sequence: Sequence, tokens: readonly number[], signal?: AbortSignal): Promise<void> {
  for await (const _ of sequence.feed(tokens, { want: 'nothing', signal }));
}
