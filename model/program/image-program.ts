/** The program in an image. */
import type { BootRecord } from '../../protocol/image/boot-record.js';
import { badProgram, noProgram } from '../../protocol/image/image-error.js';
import { programProblem } from './program-check.js';

/** An image may have none; one that it has must be right. @throws ImageError `image-bad-program` */
export function checkImageProgram({ program, shape }: Pick<BootRecord, 'program' | 'shape'>): void {
  const found = program.length === 0 ? undefined : programProblem(program, shape);
  if (found) throw badProgram(found.address, found.problem);
}

/** Words of the program. @throws ImageError `image-no-program` */
export function programOf({ program }: Pick<BootRecord, 'program'>): readonly number[] {
  if (program.length === 0) throw noProgram();
  return program;
}
