import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { describeProblem } from '../../cli/problem.js';
import * as image from '../../protocol/image/image-error.js';
import * as state from '../../protocol/state/state-error.js';

const NOT_FOUND = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
const NO_SPACE = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });

describe('advice on the command line', () => {
  test.each([
    ['an image that is not there', image.imageUnreadable('x', NOT_FOUND), '`mmfree pack` makes an image'],
    ['a folder that cannot be written', image.imageUnwritable('x', NOT_FOUND), 'another path with -o'],
    ['something else', image.notAnImage(), '`mmfree pack` wrote'],
    ['a damaged suffix', image.suffixDamaged('x', 'its CRC is wrong'), '`mmfree pack --dfu`'],
    ['weights out of range', image.badWeights('vectors', 3, 'it is 4'), 'with `mmfree pack`'],
    ['a contradiction', image.inconsistentImage('it is'), 'with `mmfree pack`'],
    ['a name that does not print', image.badName(), '`--name`'],
    ['another key of the manifest', image.badManifest('model.layers', 'be a number'), 'with `mmfree pack`'],
    ['an image without a program', image.noProgram(), 'with `mmfree pack`'],
    ['no state', state.notAState(), '`mmfree run --save-state`'],
    ['a state of another image', state.stateOfOtherImage('00', '11'), '`mmfree inspect`'],
  ])('names the command for %s', (_, error, expected) => {
    expect(describeProblem(error).fix).toContain(expected);
  });

  test.each([
    ['a damaged section', image.imageDamaged('ternary')],
    ['bytes behind the end', image.trailingBytes(4)],
    ['too many open files', image.imageUnreadable('x', NO_SPACE)],
    ['a damaged state', state.stateDamaged('a byte is wrong')],
  ])('leaves the words of %s as they are', (_, error) => {
    expect(describeProblem(error).fix).toBe(error.fix);
  });

  test.each(['image/image-error.ts', 'state/state-error.ts'])('is not given below cli/: protocol/%s', (file) => {
    const text = readFileSync(new URL(`../../protocol/${file}`, import.meta.url), 'utf8');
    expect(text.match(/^.*\bfix: .*(?:`mmfree |--[a-z]| -o\b).*$/gm)).toBeNull();
    expect(text.match(/^const [A-Z_]+ = .*(?:`mmfree |--[a-z]).*$/gm)).toBeNull();
  });
});
