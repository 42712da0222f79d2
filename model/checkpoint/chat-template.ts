/**
 * How conversations of a checkpoint are written as text: `chat_template.jinja`, or else `chat_template` of
 * `tokenizer_config.json`, in the order in which transformers looks, with the special tokens that
 * `tokenizer_config.json` names. Read, not tried: a template is a program of somebody else.
 */
import { join } from 'node:path';
import {
  MAX_TEMPLATE_BYTES,
  MAX_TEMPLATE_TOKEN_BYTES,
  TEMPLATE_TOKENS,
  type ChatTemplate,
} from '../../protocol/image/chat-template.js';
import { isJsonObject, parsePythonObject } from '../json-object.js';
import { badChatTemplate, configNotJson } from './checkpoint-error.js';
import { readOptionalFile, type SmallFile } from './files.js';

/** Those with many added tokens, listed there too, have more than a megabyte. */
const MAX_TOKENIZER_CONFIG_BYTES = 16 << 20;

/** A checkpoint may have several, of which this one is used unless another one is asked for. */
const DEFAULT_NAME = 'default';

export interface FoundChatTemplate {
  /** Undefined if there is none. */
  readonly chat: ChatTemplate | undefined;
  /** What it was read from. */
  readonly files: readonly string[];
}

/** @throws CheckpointError */
export async function readChatTemplate(folder: string): Promise<FoundChatTemplate> {
  const configFile = await readOptionalFile(join(folder, 'tokenizer_config.json'), MAX_TOKENIZER_CONFIG_BYTES);
  // A little more, so that whoever has a larger one reads what is wrong with it.
  const templateFile = await readOptionalFile(join(folder, 'chat_template.jinja'), 64 * MAX_TEMPLATE_BYTES);
  const config = configFile === undefined ? {} : parsed(configFile);
  const files = [configFile, templateFile].flatMap((file) => file?.path ?? []);
  const template = templateFile === undefined ? templateOf(configFile?.path, config) : textOf(templateFile);
  if (template === undefined) return { chat: undefined, files };
  const path = templateFile?.path ?? configFile?.path ?? folder;
  if (template === '') throw badChatTemplate(path, 'it is empty');
  expectText(path, 'the chat template', template, MAX_TEMPLATE_BYTES);
  return { chat: { template, tokens: tokensOf(path, config) }, files };
}

function parsed(file: SmallFile): Readonly<Record<string, unknown>> {
  try {
    return parsePythonObject(file.bytes);
  } catch (error) {
    throw configNotJson(file.path, error);
  }
}

function textOf({ path, bytes }: SmallFile): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badChatTemplate(path, 'it is not text in UTF-8');
  }
}

/** One, or a list of them with names. */
function templateOf(path = '', { chat_template: value }: Readonly<Record<string, unknown>>): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  const named: readonly unknown[] = Array.isArray(value) ? value : [];
  const found = named.find((one) => isJsonObject(one) && one['name'] === DEFAULT_NAME);
  if (isJsonObject(found) && typeof found['template'] === 'string') return found['template'];
  throw badChatTemplate(path, 'chat_template is neither a text nor a list with a template named default');
}

/** A token is a text, or an object with its text. */
function tokensOf(path: string, config: Readonly<Record<string, unknown>>): ChatTemplate['tokens'] {
  const tokens: Partial<Record<(typeof TEMPLATE_TOKENS)[number], string>> = {};
  for (const name of TEMPLATE_TOKENS) {
    const value = config[name];
    const text = isJsonObject(value) ? value['content'] : value;
    if (typeof text !== 'string') continue;
    expectText(path, name, text, MAX_TEMPLATE_TOKEN_BYTES);
    tokens[name] = text;
  }
  return tokens;
}

/** Text that an image can hold. JSON can spell half a character, which UTF-8 cannot. */
function expectText(path: string, what: string, text: string, maxBytes: number): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > maxBytes)
    throw badChatTemplate(path, `${what} has ${bytes.length} bytes, at most ${maxBytes} fit`);
  if (new TextDecoder().decode(bytes) !== text) throw badChatTemplate(path, `${what} has half a character in it`);
}
