/** `mmfree inspect`: the work. */
import { ImageFile } from '../../model/image-file.js';
import { loadTokenizer } from '../../model/text/tokenizer.js';
import type { CommandContext } from '../command.js';
import { describeImage } from './image-facts.js';

export async function inspect(input: { readonly image: string }, { output }: CommandContext): Promise<void> {
  const image = ImageFile.open(input.image);
  try {
    const progress = output.progress({ label: 'check', unit: 'bytes', total: image.view.sealedLength });
    image.check((doneBytes) => progress.update(doneBytes));
    progress.end();
    const tokenizer = image.section('tokenizer');
    if (tokenizer.length > 0) await loadTokenizer(tokenizer, image.view.shape);
    const { facts, lines } = describeImage(image.view);
    output.print(`${lines.join('\n')}\nall hashes and weights are as they must be\n`);
    output.result(facts);
  } finally {
    image.close();
  }
}
