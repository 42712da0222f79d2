/** What the packer recorded in an image: whoever runs it must repeat the receipts. */
import type { ImageManifest } from '../../protocol/image/manifest.js';

/** Tokens to feed from the state zero, and what to expect. */
export interface TokenStream {
  /** For people: `self-test`, `random tokens`. */
  readonly name: string;
  readonly tokens: readonly number[];
  /** Tokens before them, of which nothing is compared; none unless given. */
  readonly opening?: readonly number[];
  /** Recorded receipts, one per token; absent where a second machine computes them. */
  readonly receipts?: readonly number[];
}

export function selfTestStream({
  selfTest,
}: Pick<ImageManifest, 'selfTest'>): TokenStream & Required<Pick<TokenStream, 'receipts'>> {
  const { prompt, tokens } = selfTest;
  const fed = [...prompt, ...tokens.slice(0, -1)];
  return { name: 'self-test', tokens: fed, receipts: Array.from(selfTest.receipts) };
}
