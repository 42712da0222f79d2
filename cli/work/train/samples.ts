/**
 * A few words of a model that was trained: what `run` of its image tells with seeds 0 and 1 and no prompt. It is packed
 * for them into a file that is removed again.
 */
import { join } from 'node:path';
import { openCpuMachine } from '../../../engine/kinds/cpu.js';
import type { OpenedImage } from '../../../engine/opened-machine.js';
import { promptTokens, TextSession, tokenizerOf } from '../../../engine/text-session.js';
import { openCheckpoint } from '../../../model/checkpoint/checkpoint.js';
import { temporaryFolder } from '../../../model/files/temporary-folder.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import { packCheckpoint } from '../../../model/pack/pack.js';
import { USUAL_SAMPLING } from '../../../protocol/sampling.js';

const TEXTS = 2;
const TOKENS = 60;

/**
 * @param folder the checkpoint's, with a tokenizer
 * @throws CheckpointError; PackError; CpuError; the signal's reason
 */
export async function sampleTexts(folder: string, signal: AbortSignal): Promise<string[]> {
  const temporary = await temporaryFolder('samples');
  try {
    const image = join(temporary.path, 'samples.mmfree');
    const checkpoint = await openCheckpoint(folder);
    try {
      await packCheckpoint(checkpoint, image, { signal });
    } finally {
      await checkpoint.close();
    }
    const opened = await openCpuMachine({ image, text: true }, { signal });
    try {
      return await textsOf(opened, signal);
    } finally {
      await opened.machine.close();
    }
  } finally {
    await temporary.remove();
  }
}

/** Each from the beginning, with a seed of its own. */
async function textsOf(opened: OpenedImage, signal: AbortSignal): Promise<string[]> {
  const tokenizer = await tokenizerOf(opened);
  const prompt = promptTokens(opened.machine, tokenizer, '');
  const texts: string[] = [];
  for (let seed = 0; seed < TEXTS; seed++) {
    const session = await TextSession.open(opened.machine, tokenizer);
    const sampler = samplerSettings({ ...USUAL_SAMPLING, seed: BigInt(seed) });
    let text = '';
    for await (const piece of session.generate({ prompt, maxTokens: TOKENS, sampler })) {
      text += piece.text;
      signal.throwIfAborted();
    }
    texts.push(text + session.flush());
    await session.sequence.close();
  }
  return texts;
}
