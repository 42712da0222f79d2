/** A model in service: its machines with their scheduler, and its texts. */
import type { OpenedMachine } from '../../engine/opened-machine.js';
import type { ImageIdentity } from '../../model/machine/machine.js';
import { loadTokenizer, type Tokenizer } from '../../model/text/tokenizer.js';
import { hexOf } from '../../protocol/hex.js';
import type { ChatTemplate } from '../../protocol/image/chat-template.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import { Texts } from '../text/texts.js';
import { TokenNames } from '../text/token-names.js';

export interface ServedModel {
  /** By which requests name it: the name of its image, where no other one has it. */
  id: string;
  readonly image: ImageIdentity;
  /** SHA-256 of the image, in hexadecimal. */
  readonly fingerprint: string;
  readonly shape: ModelShape;
  /** For text that comes token by token; undefined if the image has no tokenizer. */
  readonly tokenizer: Tokenizer | undefined;
  /** For lists of tokens. */
  readonly names: TokenNames;
  /** For whole texts. */
  readonly texts: Texts | undefined;
  /** How conversations are written; undefined if the image does not say. */
  readonly chat: ChatTemplate | undefined;
  readonly scheduler: Scheduler;
  /** Seconds since 1970. */
  readonly createdSeconds: number;
}

/** @throws TokenizerError */
export async function servedModel(
  { machine, tokenizerJson, chat }: OpenedMachine,
  scheduler: Scheduler,
): Promise<ServedModel> {
  const { image, shape } = machine.facts;
  const hasTokenizer = tokenizerJson.length > 0;
  const tokenizer = hasTokenizer ? await loadTokenizer(tokenizerJson, shape) : undefined;
  return {
    id: image.name,
    image,
    fingerprint: hexOf(image.sha256),
    shape,
    tokenizer,
    names: new TokenNames(tokenizer),
    texts: hasTokenizer ? new Texts({ tokenizerJson, shape, chat }) : undefined,
    chat,
    scheduler,
    createdSeconds: Math.floor(Date.now() / 1000),
  };
}
