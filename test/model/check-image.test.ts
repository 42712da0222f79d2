/** The compiled module, because threads run compiled code. */
import { openSync, renameSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type * as CheckImage from '../../model/check-image.js';
import type * as Image from '../../model/image-file.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { tinyImage } from '../helpers/tiny-image.js';

const compiled = async <T>(module: string): Promise<T> =>
  (await import(new URL(`../../dist/model/${module}.js`, import.meta.url).href)) as T;
const { checkBesideLoading, checkImage } = await compiled<typeof CheckImage>('check-image');
const { ImageFile } = await compiled<typeof Image>('image-file');

const path = temporaryFolder();

/** What the check of a file says, in threads, without, and what of it is done beside loading. */
async function verdicts(bytes: Uint8Array): Promise<unknown[]> {
  writeFileSync(path('image'), bytes);
  const verdict = async (check: (image: Image.ImageFile) => Promise<void>): Promise<unknown> => {
    const image = ImageFile.open(path('image'));
    try {
      return await check(image).then(
        () => 'sound',
        (error: Error & { code?: unknown; facts?: unknown }) => [error.name, error.code, error.facts],
      );
    } finally {
      image.close();
    }
  };
  return [
    await verdict((image) => checkImage(image, undefined, 0)),
    await verdict((image) => checkImage(image, undefined, Infinity)),
    await verdict((image) => checkBesideLoading(image)),
  ];
}

/** An image whose byte at `at` is another one. */
function changed(at: number): Uint8Array {
  const bytes = tinyImage();
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  return bytes;
}

describe('checkImage', () => {
  it('passes a sound image', async () => {
    expect(await verdicts(tinyImage())).toEqual(['sound', 'sound', 'sound']);
  });

  it('says in threads what it says without, with all fields of the error', async () => {
    writeFileSync(path('sound'), tinyImage());
    const { sections } = ImageFile.open(path('sound')).view;
    for (const [part, { offset }] of Object.entries(sections)) {
      const damaged = ['ImageError', 'image-damaged', { part }];
      expect(await verdicts(changed(offset))).toEqual([damaged, damaged, damaged]);
    }
  });

  it('ends its threads when it is cancelled', async () => {
    writeFileSync(path('sound'), tinyImage());
    const image = ImageFile.open(path('sound'));
    await expect(checkImage(image, AbortSignal.abort(), 0)).rejects.toThrow('aborted');
    image.close();
  });

  // It used to be possible to swap the file between its check and its use.
  it('checks the file that is open, whatever its path means by then', async () => {
    writeFileSync(path('swapped'), changed(4096 * 3));
    const bad = openSync(path('swapped'), 'r');
    writeFileSync(path('other'), tinyImage());
    renameSync(path('other'), path('swapped'));
    const image = ImageFile.open(bad);
    await expect(checkImage(image, undefined, 0)).rejects.toMatchObject({ code: 'image-damaged' });
    image.close();
  });
});
