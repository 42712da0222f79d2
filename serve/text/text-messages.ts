/** What is said to the thread with the tokenizer, and what it answers. */
import type { ChatTemplate } from '../../protocol/image/chat-template.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
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
  | { readonly do: 'encode'; readonly text: string; readonly goesOn: boolean }
  | { readonly do: 'decode'; readonly ids: readonly number[] }
  | {
      readonly do: 'render';
      readonly messages: readonly ChatMessage[];
      readonly before: readonly number[] | undefined;
    };

export interface TextAnswer {
  readonly text?: string;
  readonly ids?: number[];
  readonly error?: string;
}
