/** What `run` and `verify` work with, wherever the tokens come from. */
import type { Backend } from '../../../model/backends/backend.js';
import type { Tokenizer } from '../../../model/text/tokenizer.js';

/** Something that computes tokens. */
export interface TokenSource {
  readonly backend: Backend;
  /** For people: where the image comes from. */
  readonly imageName: string;
  /** `tokenizer.json`; empty if the image has none. */
  readonly tokenizerJson: Uint8Array;
  /** What is made of it, where there was time meanwhile. */
  readonly tokenizer?: Promise<Tokenizer>;
  /** File of the image; absent if only the board has it. */
  readonly imagePath?: string;
}
