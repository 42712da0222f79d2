// A tale in ten lines: `node examples/generate.mjs`. The same tokens come on every machine.
import { generate, openMachine } from 'mmfree';

// The shipped model on this computer's processor. Without `kind`: a board or a GPU where there is one.
const opened = await openMachine({ kind: 'reference' });

for await (const piece of generate(opened, 'Once upon a time', { maxTokens: 40, seed: 42n })) {
  process.stdout.write(piece.text);
}
process.stdout.write('\n');
await opened.machine.close();
