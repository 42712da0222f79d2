/** Checkpoints for the commands: what is read otherwise than the files say is told. */
import { openCheckpoint, type Checkpoint } from '../../model/checkpoint/checkpoint.js';
import { quoted } from '../../model/quoted.js';
import type { CommandContext } from '../command.js';

/** The caller closes it. @throws CheckpointError */
export async function openCheckpointAloud(
  folder: string,
  { output }: Pick<CommandContext, 'output'>,
): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(folder);
  const { droppedPrefix, tensors } = checkpoint;
  if (droppedPrefix !== '') {
    output.note(
      `the name of each of the ${tensors.size} tensors starts with ${quoted(droppedPrefix)}, which is dropped`,
    );
  }
  return checkpoint;
}
