/** A machine that is open, with what its users need of the image beside it. */
import type { ImageIdentity, Machine } from '../model/machine/machine.js';
import type { Tokenizer } from '../model/text/tokenizer.js';
import type { ChatTemplate } from '../protocol/image/chat-template.js';
import type { ImageView } from '../protocol/image/image-reader.js';

/** Where everything computes that nobody else does. */
export const PROCESSOR = 'the processor';

/** A machine that is open, with what belongs to its image. */
export interface OpenedMachine<M extends Machine = Machine> {
  /** Whoever has it closes it. */
  readonly machine: M;
  /** For people: where the image comes from. */
  readonly imageName: string;
  /** For people: what it computes on. */
  readonly place: string;
  /** `tokenizer.json`; empty if the image has none. */
  readonly tokenizerJson: Uint8Array;
  /** What is made of it, where there was time meanwhile. */
  readonly tokenizer?: Promise<Tokenizer>;
  /** How conversations are written; absent if the image does not say. */
  readonly chat?: ChatTemplate | undefined;
  /** File of the image; absent if only the board has it. */
  readonly imagePath?: string;
}

/** A machine on this computer and the image that it runs. */
export interface OpenedImage<M extends Machine = Machine> extends OpenedMachine<M> {
  readonly view: ImageView;
  readonly imagePath: string;
}

export function identityOf({ manifest, seal }: ImageView): ImageIdentity {
  return { name: manifest.name, sha256: seal.sha256 };
}
