/** `mmfree inspect`: the work. */
import { checkImage } from '../../model/check-image.js';
import { ImageFile } from '../../model/image-file.js';
import { disassemble, hexWord } from '../../model/program/disassembler.js';
import { programOf } from '../../model/program/image-program.js';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import type { CommandContext } from '../command.js';
import { UsageError } from '../usage-error.js';
import { describeImage, FACT_INDENT } from './image-facts.js';
import { describeState } from './state-facts.js';
import { isStateFile, readStateFile } from './state-file.js';

interface InspectInput {
  readonly file: string;
  readonly program: boolean;
}

export async function inspect(input: InspectInput, { output, signal }: CommandContext): Promise<void> {
  if (isStateFile(input.file)) {
    if (input.program) throw noProgram(input.file);
    const { facts, lines } = describeState(await readStateFile(input.file, signal));
    output.printLines([...lines, 'both checksums and all values are as they must be'], FACT_INDENT);
    output.result(facts);
    return;
  }
  const image = ImageFile.open(input.file);
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
    output.printLines([...lines, 'all hashes and weights are as they must be'], FACT_INDENT);
    output.result(facts);
  } finally {
    image.close();
  }
}

function noProgram(path: string): UsageError {
  return new UsageError('conflicting-options', `${path} is a saved state, which has no program`, {
    reason: 'The program of the gateware is in the image.',
    fix: 'Give the image, or leave --program out.',
    facts: { file: path },
  });
}
