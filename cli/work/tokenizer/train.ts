/** `mmfree tokenizer train`: the work. */
import { writeOutput } from '../../../model/files/output-file.js';
import { textPieces } from '../../../model/train/data/text-pieces.js';
import { tokenizerFacts } from '../../../model/train/tokenizer/tokenizer-facts.js';
import { tokenizerOf, WordCounts } from '../../../model/train/tokenizer/train-bpe.js';
import type { CommandContext } from '../../command.js';
import { counted } from '../../../protocol/counted.js';

interface TokenizerTrainInput {
  readonly texts: readonly string[];
  readonly output: string;
  readonly vocab: number;
}

export async function tokenizerTrain(input: TokenizerTrainInput, { output, signal }: CommandContext): Promise<void> {
  const words = new WordCounts();
  let documents = 0;
  for await (const { text, isLast } of textPieces(input.texts, signal)) {
    words.add(text);
    if (isLast) documents++;
  }
  const json = await tokenizerOf(words, input.vocab, signal);
  await writeOutput(input.output, json, { inputs: input.texts.filter((path) => path !== '-') });
  const { vocabulary } = tokenizerFacts(new TextEncoder().encode(json));
  output.print(`${input.output}: ${counted(vocabulary, 'token')} of ${counted(documents, 'document')}\n`);
  output.result({ file: input.output, tokens: vocabulary, documents });
}
