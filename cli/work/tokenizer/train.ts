/** `mmfree tokenizer train`: the work. */
import { writeOutput } from '../../../model/files/output-file.js';
import { readDocuments } from '../../../model/train/data/read-documents.js';
import { tokenizerFacts } from '../../../model/train/tokenizer/tokenizer-facts.js';
import { trainTokenizer } from '../../../model/train/tokenizer/train-bpe.js';
import type { CommandContext } from '../../command.js';
import { counted } from '../../../protocol/counted.js';

interface TokenizerTrainInput {
  readonly texts: readonly string[];
  readonly output: string;
  readonly vocab: number;
}

export async function tokenizerTrain(input: TokenizerTrainInput, { output, signal }: CommandContext): Promise<void> {
  const documents = await readDocuments(input.texts, signal);
  const json = trainTokenizer(documents, input.vocab);
  await writeOutput(input.output, json, { inputs: input.texts.filter((path) => path !== '-') });
  const { vocabulary } = tokenizerFacts(new TextEncoder().encode(json));
  output.print(`${input.output}: ${counted(vocabulary, 'token')} of ${counted(documents.length, 'document')}\n`);
  output.result({ file: input.output, tokens: vocabulary, documents: documents.length });
}
