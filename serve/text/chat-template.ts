/**
 * A conversation as text: by the template of the image (docs/IMAGE.md, section 3), as `apply_chat_template` of
 * Transformers renders it with `add_generation_prompt`; by a plain one for models that were taught none. A template is
 * a program of somebody else: it may also take forever.
 */
import type { ChatTemplate } from '../../protocol/image/chat-template.js';
import { isEnd, type EndTokens } from '../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../protocol/image/model-shape.js';
import { jinja } from './jinja.js';

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** The end of the text that messages come behind. */
export interface TextBefore {
  /** The last tokens. */
  readonly ids: readonly number[];
  /** What they say. */
  readonly text: string;
}

/**
 * For base models, which go on with any text. The last line break is in quotes, as one at the end of a template goes
 * away.
 */
const PLAIN_TEMPLATE =
  "{% for message in messages %}{{ message['role'] }}:\n{{ message['content'] }}\n\n{% endfor %}{{ 'assistant:\\n' }}";

const PLAIN_USER = 'user:';

/** Where a base model would go on with what the user says next. */
const PLAIN_STOP = `\n${PLAIN_USER}`;

/** Stop strings that belong to the template: those who were taught one end by a token. */
export function chatStops(chat: ChatTemplate | undefined): string[] {
  return chat === undefined ? [PLAIN_STOP] : [];
}

/** Longer text is more than any model here reads. In UTF-16 units. */
const MAX_RENDERED = 16 * 2 ** 20;

/** Stands for an answer where its place is looked for; nobody says so, and no filter for white space changes it. */
const SAID = '\u{10FFFD}said\u{10FFFD}';

/**
 * Makes what renders conversations.
 *
 * @param tokenizerJson of which its special tokens are known
 * @returns told what is before, if anything, it renders what comes behind it
 * @throws what is wrong with the template
 */
export function chatRenderer(
  chat: ChatTemplate | undefined,
  tokenizerJson: Uint8Array,
  shape: Pick<ModelShape, 'bosTokenId'> & EndTokens,
): (messages: readonly ChatMessage[], before?: TextBefore) => string {
  const renderTemplate = jinja(chat?.template ?? PLAIN_TEMPLATE);
  const texts = addedTokens(tokenizerJson);
  const tokens = {
    bos_token: texts.get(shape.bosTokenId) ?? '',
    eos_token: texts.get(shape.eosTokenId) ?? '',
    ...chat?.tokens,
  };
  const render = (messages: readonly ChatMessage[]): string => {
    const text = renderTemplate({ add_generation_prompt: true, ...tokens, messages });
    if (text.length > MAX_RENDERED) throw new RangeError(`the chat template makes ${text.length} characters of it`);
    return text;
  };
  return (messages, before) => (before === undefined ? render(messages) : behind(before, render, messages));

  /**
   * What the template would have between an answer and the next one: messages alone might begin with a system message
   * of the template once more, or be refused without one, and would lack what ends an answer.
   */
  function behind({ ids, text }: TextBefore, whole: typeof render, messages: readonly ChatMessage[]): string {
    const said = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: SAID },
    ];
    const rendered = whole([...said, ...messages]);
    const at = rendered.lastIndexOf(SAID);
    if (at < 0)
      throw new RangeError('the chat template leaves out what was said before, so nothing can come behind it');
    const rest = rendered.slice(at + SAID.length);
    // An answer that ended there has it in its tokens, or in its text.
    const last = ids.at(-1);
    const end = last !== undefined && isEnd(shape, last) ? (texts.get(last) ?? '') : '';
    if (end !== '' && rest.startsWith(end)) return rest.slice(end.length);
    if (chat === undefined && text.endsWith(PLAIN_STOP))
      return rest.slice(rest.indexOf(PLAIN_USER) + PLAIN_USER.length);
    return rest;
  }
}

/** Id → text, of a file that is known to be sound. */
function addedTokens(tokenizerJson: Uint8Array): Map<number, string> {
  const { added_tokens: tokens = [] } = JSON.parse(new TextDecoder().decode(tokenizerJson)) as {
    readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
  };
  return new Map(tokens.map(({ id, content }) => [id, content]));
}
