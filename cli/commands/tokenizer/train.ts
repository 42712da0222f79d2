/** `mmfree tokenizer train`: declaration. */
import { defineCommand, optionWithDefault, repeatedArgument, requiredOption } from '../../command.js';
import { integer, path } from '../../options.js';

export const tokenizerTrain = defineCommand({
  examples: [
    'mmfree tokenizer train tales.txt -o tokenizer.json',
    'mmfree tokenizer train books/ -o t.json --vocab 8192',
  ],
  parameters: {
    texts: repeatedArgument('<text...>', 'UTF-8 text: files, folders (.txt, .md, .jsonl), - for standard input', path),
    output: requiredOption('-o, --output <file>', 'the tokenizer.json to write', path),
    vocab: optionWithDefault(
      '--vocab <number>',
      'tokens wanted; a short text gives fewer',
      integer({ min: 257, max: 65_536, example: 4096 }),
      4096,
    ),
  },
  load: async () => (await import('../../work/tokenizer/train.js')).tokenizerTrain,
});
