/** `mmfree tokenizer encode` and `decode`: the work. */
import { readAny, readRegular } from '../../../model/files/input-file.js';
import { namingFile } from '../../../model/text/tokenizer-error.js';
import { MAX_TOKENIZER_BYTES } from '../../../model/text/tokenizer-file.js';
import { loadTokenizer, type Tokenizer } from '../../../model/text/tokenizer.js';
import { tokenizerFacts } from '../../../model/train/tokenizer/tokenizer-facts.js';
import type { CommandContext } from '../../command.js';
import { badValue } from '../../usage-error.js';
import { MAX_TEXT_BYTES } from '../input-limits.js';
import { readText } from '../text-file.js';

export async function encodeText(
  input: { readonly tokenizer: string; readonly text: string },
  { output, signal }: CommandContext,
): Promise<void> {
  const { tokenizer } = await open(input.tokenizer, signal);
  const ids = tokenizer.encode(await readText(input.text, '<text>', 'tale.txt', signal));
  output.print(`${ids.join(' ')}\n`);
  output.result({ ids });
}

export async function decodeIds(
  input: { readonly tokenizer: string; readonly ids: string },
  { output, signal }: CommandContext,
): Promise<void> {
  const { tokenizer, vocabulary } = await open(input.tokenizer, signal);
  const bytes = await readAny(input.ids, { limitBytes: MAX_TEXT_BYTES, signal });
  const words = new TextDecoder().decode(bytes).split(/\s+/).filter(Boolean);
  const ids = words.map((word) => (/^\d+$/.test(word) ? Number(word) : NaN));
  const wrong = ids.findIndex((id) => !(id < vocabulary));
  if (wrong >= 0) throw badValue('<ids>', words[wrong] ?? '', `whole numbers from 0 to ${vocabulary - 1}`, '7 24 301');
  const stream = tokenizer.textStream();
  const text = ids.map((id) => stream.push(id)).join('') + stream.flush();
  output.print(text);
  output.result({ text });
}

async function open(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly tokenizer: Tokenizer; readonly vocabulary: number }> {
  const json = await readRegular(path, { limitBytes: MAX_TOKENIZER_BYTES, signal });
  const { vocabulary, bosId, eosId } = namingFile(path, () => tokenizerFacts(json));
  const ids = { vocabSize: vocabulary, bosTokenId: bosId, eosTokenId: eosId };
  return { tokenizer: await loadTokenizer(json, ids, path), vocabulary };
}
