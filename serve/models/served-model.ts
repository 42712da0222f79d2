/** A model in service: its machines with their scheduler, and its texts. */
import type { OpenedMachine } from '../../engine/opened-machine.js';
import type { ImageIdentity } from '../../model/machine/machine.js';
import { loadTokenizer, type Tokenizer } from '../../model/text/tokenizer.js';
import { hexOf } from '../../protocol/hex.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import { Texts } from '../text/texts.js';

export interface ServedModel {
  /** By which requests name it. */
  readonly id: string;
  readonly image: ImageIdentity;
  /** SHA-256 of the image, in hexadecimal. */
  readonly fingerprint: string;
  readonly shape: ModelShape;
  /** For text that comes token by token; undefined if the image has no tokenizer. */
  readonly tokenizer: Tokenizer | undefined;
  /** For whole texts. */
  readonly texts: Texts | undefined;
  /** Of conversations, in Jinja; undefined if it comes with none. */
  readonly template: string | undefined;
  readonly scheduler: Scheduler;
  /** Seconds since 1970. */
  readonly createdSeconds: number;
}

/** @throws TokenizerError */
export async function servedModel(
  { machine, tokenizerJson }: OpenedMachine,
  id: string,
  scheduler: Scheduler,
): Promise<ServedModel> {
  const { image, shape } = machine.facts;
  const hasTokenizer = tokenizerJson.length > 0;
  const template = undefined;
  return {
    id,
    image,
    fingerprint: hexOf(image.sha256),
    shape,
    tokenizer: hasTokenizer ? await loadTokenizer(tokenizerJson, shape) : undefined,
    texts: hasTokenizer ? new Texts({ tokenizerJson, shape, template }) : undefined,
    template,
    scheduler,
    createdSeconds: Math.floor(Date.now() / 1000),
  };
}
