/**
 * How conversations of a model are written as text: docs/IMAGE.md, section 3. What is in it comes from anywhere, and is
 * only data here.
 */
import { badManifest } from './image-error.js';
import type { ManifestFields } from './manifest-fields.js';

/** A token that a template may name, as `tokenizer_config.json` does. */
export type TemplateToken =
  'bos_token' | 'eos_token' | 'unk_token' | 'sep_token' | 'pad_token' | 'cls_token' | 'mask_token';

/** All of them. */
export const TEMPLATE_TOKENS: readonly TemplateToken[] = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
];

/** A template and the texts that it may name. */
export interface ChatTemplate {
  /** Jinja, 1 … 32,768 bytes in UTF-8. */
  readonly template: string;
  /** 0 … 256 bytes each in UTF-8; absent for those that the checkpoint does not say. */
  readonly tokens: Readonly<Partial<Record<TemplateToken, string>>>;
}

/** Of UTF-8. */
export const MAX_TEMPLATE_BYTES = 32_768;
export const MAX_TEMPLATE_TOKEN_BYTES = 256;

export const CHAT_KEYS = ['template'] as const;

/** As the map of the manifest. */
export function chatFields({ template, tokens }: ChatTemplate): Readonly<Record<string, string>> {
  return { template, ...tokens };
}

/** @throws ImageError `image-bad-manifest` */
export function parseChat(chat: ManifestFields<(typeof CHAT_KEYS)[number], TemplateToken>): ChatTemplate {
  const template = chat.longText('template', MAX_TEMPLATE_BYTES);
  if (template === '') throw badManifest('chat.template', 'not be empty');
  const names = TEMPLATE_TOKENS.filter((name) => chat.has(name));
  const tokens = names.map((name) => [name, chat.longText(name, MAX_TEMPLATE_TOKEN_BYTES)] as const);
  return { template, tokens: Object.fromEntries(tokens) };
}
