/** What is said to a thread with the tokenizer, and what it answers. */
import type { HeldStream } from '../../model/text/text-stream.js';
import type { ChatTemplate } from '../../protocol/image/chat-template.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { HeldText } from '../../protocol/state/state-file.js';
import type { ChatMessage } from './chat-template.js';

/** What the thread is started with. */
export interface TextJob {
  /** `tokenizer.json`. */
  readonly tokenizerJson: Uint8Array;
  readonly shape: ModelShape;
  /** The plain one unless given. */
  readonly chat: ChatTemplate | undefined;
}

export type TextRequest =
  | { readonly do: 'encode'; readonly text: string; readonly goesOn: boolean; readonly most: number }
  | { readonly do: 'decode'; readonly ids: ArrayLike<number> }
  | {
      readonly do: 'tell';
      readonly ids: readonly number[];
      readonly before: { readonly held: HeldText | undefined } | undefined;
    }
  | {
      readonly do: 'render';
      readonly messages: readonly ChatMessage[];
      readonly before: readonly number[] | undefined;
    };

/** What the tokens of a prompt say. */
export interface ToldPrompt {
  readonly text: string;
  /** For a stream that goes on behind them. */
  readonly held: HeldStream;
}

export interface TextAnswer {
  readonly text?: string;
  /** At most as many as may be. */
  readonly ids?: Uint32Array<ArrayBuffer>;
  readonly count?: number;
  readonly told?: ToldPrompt;
  readonly error?: string;
}
