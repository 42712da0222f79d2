/** The program in an image. */
import { badProgram, noProgram } from '../../protocol/image/image-error.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import { programProblem } from './program-check.js';

/** An image may have none; one that it has must be right. @throws ImageError `image-bad-program` */
export function checkImageProgram({ program, shape }: Pick<ImageView, 'program' | 'shape'>): void {
  const found = program.length === 0 ? undefined : programProblem(program, shape);
  if (found) throw badProgram(found.address, found.problem);
}

/** Words of the program. @throws ImageError `image-no-program` */
export function programOf({ program }: Pick<ImageView, 'program'>): readonly number[] {
  if (program.length === 0) throw noProgram();
  return program;
}
