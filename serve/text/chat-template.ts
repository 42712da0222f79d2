/**
 * A conversation as text: by the template that comes with the model (`chat_template` of `tokenizer_config.json`), as `apply_chat_template` of
 * Transformers renders it with `add_generation_prompt`; by a plain one for models that were taught none.
 */
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { Template } from '../packages/jinja.js';

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** For base models, which go on with any text. The last line break is in quotes, as one at the end of a template goes away. */
const PLAIN_TEMPLATE =
  "{% for message in messages %}{{ message['role'] }}:\n{{ message['content'] }}\n\n{% endfor %}{{ 'assistant:\\n' }}";

const PLAIN_USER = 'user:';

/** Where a base model would go on with what the user says next. */
export const PLAIN_STOP = `\n${PLAIN_USER}`;

/**
 * Makes what renders conversations.
 *
 * @param template Jinja, untrusted: it may also take forever
 * @param tokenizerJson of which its special tokens are known
 * @returns told the end of the text that they go on with, if they do
 * @throws what is wrong with the template
 */
export function chatRenderer(
  template: string | undefined,
  tokenizerJson: Uint8Array,
  { bosTokenId, eosTokenId }: Pick<ModelShape, 'bosTokenId' | 'eosTokenId'>,
): (messages: readonly ChatMessage[], before?: string) => string {
  const compiled = new Template(template ?? PLAIN_TEMPLATE);
  const texts = addedTokens(tokenizerJson);
  const tokens = { bos_token: texts.get(bosTokenId) ?? '', eos_token: texts.get(eosTokenId) ?? '' };
  return (messages, before = '') => {
    const text = compiled.render({ messages, add_generation_prompt: true, ...tokens });
    // An answer that ended there has it in its text.
    const isSaid = template === undefined && before.endsWith(PLAIN_STOP) && text.startsWith(PLAIN_USER);
    return isSaid ? text.slice(PLAIN_USER.length) : text;
  };
}

/** Id → text, of a file that is known to be sound. */
function addedTokens(tokenizerJson: Uint8Array): Map<number, string> {
  const { added_tokens: tokens = [] } = JSON.parse(new TextDecoder().decode(tokenizerJson)) as {
    readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
  };
  return new Map(tokens.map(({ id, content }) => [id, content]));
}
