/** The image that a machine is timed with: any file, or a synthetic one of a published shape. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '../../../model/checkpoint/checkpoint.js';
import { temporaryFolder } from '../../../model/files/temporary-folder.js';
import { packCheckpoint } from '../../../model/pack/pack.js';
import type { CommandContext } from '../../command.js';
import type { BenchInput } from './input.js';
import { PUBLISHED_SHAPES, writeSynthetic } from './synthetic-checkpoint.js';

/** Hands `use` the path of the image and its name for people. A synthetic one is taken away afterwards. */
export async function withBenchImage(
  input: Pick<BenchInput, 'image' | 'shape' | 'folder'>,
  { output, signal }: CommandContext,
  use: (path: string, name: string) => Promise<void>,
): Promise<void> {
  if (input.image !== undefined) return await use(input.image, input.image);
  const { path: folder, remove } = await temporaryFolder('bench', input.folder);
  try {
    await writeSynthetic(folder, PUBLISHED_SHAPES[input.shape], output, signal);
    const checkpoint = await openCheckpoint(folder);
    const path = join(folder, 'image.mmfree');
    await packCheckpoint(checkpoint, path, { signal });
    await checkpoint.close();
    await rm(join(folder, 'model.safetensors'));
    await use(path, `${input.shape} (synthetic)`);
  } finally {
    await remove();
  }
}
