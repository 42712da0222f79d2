/** `mmfree inspect`: the work. */
import { checkImage } from '../../model/check-image.js';
import { ImageFile } from '../../model/image-file.js';
import { disassemble, hexWord } from '../../model/program/disassembler.js';
import { programOf } from '../../model/program/image-program.js';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import type { CommandContext } from '../command.js';
import { describeImage } from './image-facts.js';

interface InspectInput {
  readonly image: string;
  readonly program: boolean;
}

export async function inspect(input: InspectInput, { output, signal }: CommandContext): Promise<void> {
  const image = ImageFile.open(input.image);
  try {
    const progress = output.progress({ label: 'check', unit: 'bytes', total: image.view.sealedLength });
    await checkImage(image, signal);
    progress.update(image.view.sealedLength);
    progress.end();
    const tokenizer = image.section('tokenizer');
    if (tokenizer.length > 0) await loadTokenizer(tokenizer, image.view.shape);
    const { facts, lines } = describeImage(image.view);
    if (input.program) {
      const words = programOf(image.view);
      const text = disassemble(words);
      output.print(`${text.join('\n')}\n`);
      output.result({
        ...facts,
        program: words.map((word, address) => ({ address, word: hexWord(word), text: text[address]! })),
      });
      return;
    }
    output.print(`${lines.join('\n')}\nall hashes and weights are as they must be\n`);
    output.result(facts);
  } finally {
    image.close();
  }
}
