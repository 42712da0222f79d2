import { describe, expect, test } from 'vitest';

import { describeProblem } from '../../../cli/advice/describe-problem.js';
import * as board from '../../../device/board-error.js';
import * as dfu from '../../../device/dfu/dfu-error.js';
import * as flash from '../../../device/spi-flash/spi-flash-error.js';
import { programmerOnly } from '../../../device/usb/usb-error.js';
import { imageFileMissing, noTokenizer } from '../../../engine/engine-error.js';
import { goldenMismatch } from '../../../engine/mismatch-error.js';
import { modelTooLarge } from '../../../model/backends/cpu/cpu-error.js';
import * as gpu from '../../../model/backends/gpu/device/gpu-error.js';
import { noTokenizerFile } from '../../../model/checkpoint/checkpoint-error.js';
import { programRefused, programSyntax } from '../../../model/program/program-error.js';
import { unwritable } from '../../../model/train/train-error.js';
import { unsupportedTokenizer } from '../../../model/text/tokenizer-error.js';
import * as image from '../../../protocol/image/image-error.js';
import * as state from '../../../protocol/state/state-error.js';

const NOT_FOUND = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
const NO_SPACE = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });

const SETTINGS = [{ interfaceNumber: 0, alternate: 1, name: 'flash' }];

describe('advice on the command line', () => {
  test.each([
    ['an image that is not there', image.imageUnreadable('x', NOT_FOUND), '`mmfree pack` makes an image'],
    ['a folder that cannot be written', image.imageUnwritable('x', NOT_FOUND), 'another path with -o'],
    ['a full disk in training', unwritable('x', 3, NO_SPACE), '--resume'],
    ['something else', image.notAnImage(), '`mmfree pack` wrote'],
    ['a damaged suffix', image.suffixDamaged('x', 'its CRC is wrong'), '`mmfree pack --dfu`'],
    ['weights out of range', image.badWeights('vectors', 3, 'it is 4'), 'with `mmfree pack`'],
    ['a contradiction', image.inconsistentImage('it is'), 'with `mmfree pack`'],
    ['a name that does not print', image.badName(), '`--name`'],
    ['another key of the manifest', image.badManifest('model.layers', 'be a number'), 'with `mmfree pack`'],
    ['an image without a program', image.noProgram(), 'with `mmfree pack`'],
    ['no state', state.notAState(), '`mmfree run --save-state`'],
    ['a state of another image', state.stateOfOtherImage('00', '11'), '`mmfree inspect`'],
    [
      'a checkpoint without a tokenizer',
      noTokenizerFile('x'),
      'save_pretrained(folder)`. Or pack with --no-tokenizer.',
    ],
    ['a tokenizer of another kind', unsupportedTokenizer('model', 'X', 'BPE'), 'token ids. `--ids` gives and takes'],
    ['a program', programRefused(3, 'it is none'), 'instructions. `mmfree inspect --program`'],
    ['a program with a fix of its own', programSyntax(3, 'it is none', 'Delete it.'), 'Delete it.'],
    ['the file of an image', imageFileMissing('x', 'It is read.'), '--image'],
    ['an image without a tokenizer', noTokenizer('x'), '--ids'],
    ['no package for GPUs', gpu.gpuPackageMissing('npm x'), '`npm x` as whoever installed mmfree. Or compute'],
    ['a model that is too large', modelTooLarge(5e9), 'no such limit. `--backend gpu` computes on a GPU,'],
    ['no GPU', gpu.gpuNotFound(), '`mmfree doctor`'],
    ['a lost GPU', gpu.gpuLost('reset'), 'on the processor. `--backend cpu` computes'],
    ['another logit', goldenMismatch(1, 0.5), '--tolerance'],
    ['no board', board.noBoard(), '`--board serial:PATH`'],
    ['another address', board.boardNotFound('x', 'It is not.'), '`mmfree boards`'],
    [
      'no server',
      board.boardNotFound('x', 'It is not.', undefined, 'no-usbip-server'),
      '`mmfree virtual-board --usbip`',
    ],
    ['two boards', board.boardAmbiguous(['usb:1-2', 'usb:1-3']), 'for example --board usb:1-2'],
    ['no programmer', flash.noProgrammer(), '--ftdi'],
    ['a flash that is silent', flash.noFlash('x', 'ffffff'), 'a lower SPI clock. `--spi-mhz 6` makes'],
    ['a flash that is protected', flash.flashProtected('x', 'BP0', false), '`--unprotect`'],
    ['no memory of that name', dfu.noSuchSetting('x', 'y', SETTINGS), 'for example --dfu-alt 0:1'],
    ['two memories', dfu.severalSettings('x', SETTINGS), 'Say which one, for example --dfu-alt 0:1'],
    ['a file for another device', dfu.otherDevice('x', '1:1', '2:2'), '--board'],
    ['a board that computes only', board.notFlashableByProtocol('x', undefined), '`mmfree gateware flash`'],
    ['an FT2232H on a server', programmerOnly('usbip:h'), '`mmfree gateware flash --board usbip:h`'],
    ['other tokens, with the image from before', board.wrongTokens('x', 1, 2, true), 'from before runs again'],
    ['other tokens, with no other image', board.wrongTokens('x', 1, 2, false), 'no image that it could go back to'],
    ['other tokens in a text', board.otherThanBefore('x', 1, 2), '`mmfree verify --board`'],
    ['no key', board.boardWantsKey('x', 'y'), '--key-file'],
    ['another key', board.keyRefused('x'), '--key-file'],
  ])('names the command for %s', (_, error, expected) => {
    expect(describeProblem(error).fix).toContain(expected);
  });

  test.each([
    ['a damaged section', image.imageDamaged('ternary')],
    ['bytes behind the end', image.trailingBytes(4)],
    ['too many open files', image.imageUnreadable('x', NO_SPACE)],
    ['a damaged state', state.stateDamaged('a byte is wrong')],
    ['a flash whose pin protects it', flash.flashProtected('x', 'BP0', true)],
    ['a device without DFU', dfu.noDfu('x')],
    ['a board that does not prove its key', board.boardHasOtherKey('x')],
  ])('leaves the words of %s as they are', (_, error) => {
    expect(describeProblem(error).fix).toBe(error.fix);
  });
});
