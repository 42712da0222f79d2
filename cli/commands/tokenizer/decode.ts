/** `mmfree tokenizer decode`: declaration. */
import { argument, defineCommand } from '../../command.js';
import { path } from '../../options.js';

export const tokenizerDecode = defineCommand({
  examples: ['mmfree tokenizer decode tokenizer.json ids.txt'],
  parameters: {
    tokenizer: argument('<tokenizer>', 'a tokenizer.json', path),
    ids: argument('<ids>', 'a file of token ids with spaces or lines between them, - for standard input', path),
  },
  load: async () => (await import('../../work/tokenizer/convert.js')).decodeIds,
});
