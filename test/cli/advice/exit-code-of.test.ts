import { expect, it } from 'vitest';
import { exitCodeOf } from '../../../cli/advice/exit-code-of.js';
import { EXIT } from '../../../cli/exit-codes.js';
import { UsageError } from '../../../cli/usage-error.js';
import { toolFailed, toolsMissing } from '../../../firmware-host/virtual/simulated-chips/gateware-error.js';
import {
  gpuFailed,
  gpuLost,
  gpuNotFound,
  gpuOutOfMemory,
  gpuPackageBroken,
  gpuPackageMissing,
  gpuTooSmall,
} from '../../../model/backends/gpu/device/gpu-error.js';
import { CheckpointError } from '../../../model/checkpoint/checkpoint-error.js';
import { programSyntax } from '../../../model/program/program-error.js';
import { unwritable } from '../../../model/train/train-error.js';
import { TokenizerError } from '../../../model/text/tokenizer-error.js';
import { ImageError } from '../../../protocol/image/image-error.js';
import { impossibleState, stateDamaged, stateOfOtherImage } from '../../../protocol/state/state-error.js';

const details = { reason: 'r', fix: 'f' };

it.each([
  [new UsageError('bad-value', 'm', details), 2],
  [new ImageError('image-truncated', 'm', details), 6],
  [new CheckpointError('checkpoint-truncated', 'm', details), 6],
  [programSyntax(1, 'm'), 6],
  [new TokenizerError('tokenizer-malformed', 'm', details), 6],
  [stateDamaged('p'), 6],
  [impossibleState('p'), 6],
  [stateOfOtherImage('00', '01'), 7],
  [toolsMissing(['verilator'], ['verilator']), 19],
  [toolFailed('the synthesis', []), 19],
  [gpuPackageMissing('c'), 18],
  [gpuPackageBroken('c', new Error('m')), 18],
  [gpuNotFound(), 18],
  [gpuTooSmall('a', 'maxBufferSize', 2, 1), 7],
  [gpuOutOfMemory(2, 1), 12],
  [gpuLost('r'), 10],
  [gpuFailed('r'), 1],
  [new DOMException('This operation was aborted', 'AbortError'), 130],
  [AbortSignal.abort().reason, 130],
  [Object.assign(new Error('ENOENT: no such file or directory'), { code: 'ENOENT', syscall: 'open' }), 2],
  [Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'open' }), 4],
  [Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', syscall: 'write' }), 8],
  [
    unwritable(
      'x',
      3,
      Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', syscall: 'write' }),
    ),
    8,
  ],
  [Object.assign(new Error('EXYZ: not known'), { code: 'EXYZ', syscall: 'open' }), 1],
  [Object.assign(new Error('without a system call'), { code: 'ENOENT' }), 1],
  [new RangeError('m'), 1],
  ['text', 1],
  [undefined, 1],
])('gives %s the exit code %i', (error, exit) => {
  expect(exitCodeOf(error)).toBe(exit);
});

it('keeps the documented numbers', () => {
  expect(Object.values(EXIT)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 129, 130, 143,
  ]);
});
