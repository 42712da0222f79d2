/**
 * What to do about an error, where that is a command or an option of this program. Areas below `cli/` say what is
 * wrong, with facts, and a way out that holds for whoever uses them; what only a command line has is said here.
 *
 * Every code of every area is in a table, so that none is added without a thought for the command line.
 */
import type { BoardErrorCode, BoardErrorVariant } from '../../device/board-error.js';
import type { EngineErrorCode } from '../../engine/engine-error.js';
import type { MismatchCode } from '../../engine/mismatch-error.js';
import type { CpuErrorCode } from '../../model/backends/cpu/cpu-error.js';
import type { GpuErrorCode } from '../../model/backends/gpu/device/gpu-error.js';
import type { CheckpointErrorCode } from '../../model/checkpoint/checkpoint-error.js';
import type { FileErrorCode } from '../../model/files/file-error.js';
import type { ProgramErrorCode } from '../../model/program/program-error.js';
import type { TokenizerErrorCode } from '../../model/text/tokenizer-error.js';
import type { TrainErrorCode } from '../../model/train/train-error.js';
import type { MmfreeError } from '../../protocol/errors.js';
import type { ImageErrorCode } from '../../protocol/image/image-error.js';
import type { StateErrorCode } from '../../protocol/state/state-error.js';
import { BOARDS, BOARD_VARIANTS } from './boards.js';
import { CHECKPOINTS, IMAGES } from './images.js';
import { MACHINES } from './machines.js';
import type { Advice } from './table.js';
import { TRAINING } from './training.js';

type Code =
  | BoardErrorCode
  | CheckpointErrorCode
  | CpuErrorCode
  | EngineErrorCode
  | FileErrorCode
  | GpuErrorCode
  | ImageErrorCode
  | MismatchCode
  | ProgramErrorCode
  | StateErrorCode
  | TokenizerErrorCode
  | TrainErrorCode;

const BY_CODE: Readonly<Record<Code, Advice>> = { ...IMAGES, ...CHECKPOINTS, ...MACHINES, ...BOARDS, ...TRAINING };
/** These come first: a variant is a part of what its code says. */
const BY_VARIANT: Readonly<Record<BoardErrorVariant, Advice>> = BOARD_VARIANTS;

/** What to do about an error, for whoever has a command line. */
export function fixOf(error: MmfreeError): string {
  const { code, facts, cause, fix } = error;
  const of = <Key extends string>(table: Readonly<Record<Key, Advice>>, key: unknown): string | undefined =>
    Object.hasOwn(table, String(key)) ? table[key as Key]?.(facts, cause, fix) : undefined;
  return of(BY_VARIANT, facts['variant']) ?? of(BY_CODE, code) ?? fix;
}
