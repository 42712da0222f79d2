/** `mmfree tokenizer encode`: declaration. */
import { argument, defineCommand } from '../../command.js';
import { path } from '../../options.js';

export const tokenizerEncode = defineCommand({
  examples: ['mmfree tokenizer encode tokenizer.json tale.txt'],
  parameters: {
    tokenizer: argument('<tokenizer>', 'a tokenizer.json', path),
    text: argument('<text>', 'a file of UTF-8 text, - for standard input', path),
  },
  load: async () => (await import('../../work/tokenizer/convert.js')).encodeText,
});
