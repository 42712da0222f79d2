import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ImageFile } from '../../../model/image-file.js';
import { MODEL_PROGRAM } from '../../../model/program/model-program.js';
import { programOf } from '../../../model/program/image-program.js';
import { temporaryFolder } from '../../helpers/command-line.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { tinyImage } from '../../helpers/tiny-image.js';

const path = temporaryFolder();

async function open(program: readonly number[]): Promise<readonly number[]> {
  await writeFile(path('image.mmfree'), tinyImage(1, { program }));
  const image = ImageFile.open(path('image.mmfree'));
  image.close();
  return image.view.program;
}

describe('an image', () => {
  it('is opened with its program', async () => {
    expect(await open(MODEL_PROGRAM)).toEqual(MODEL_PROGRAM);
  });

  it('of before there were programs is opened, and says what to do only where one is needed', async () => {
    const program = await open([]);
    expect(program).toEqual([]);
    const refusal = imageRefusal(() => programOf({ program }));
    expect(refusal).toMatchObject({ code: 'image-no-program', fix: 'Pack the checkpoint again.' });
  });

  it('with a program that would not compute a token is refused, with the word', async () => {
    await expect(open(MODEL_PROGRAM.with(10, 0x6c00))).rejects.toMatchObject({
      code: 'image-bad-program',
      reason: 'F is read while a product may still write it.',
      facts: { address: 10 },
    });
  });
});
