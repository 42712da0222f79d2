/**
 * The reader of images in C against that of this program: whatever anybody changes in an image, and whatever checksums
 * he makes right again, both take it or both refuse it.
 */

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { memorySource } from '../../protocol/byte-source.js';
import { verifyHashes } from '../../protocol/image/image-hashes.js';
import { openImage } from '../../protocol/image/image-reader.js';
import { verifyWeights } from '../../protocol/image/weight-checks.js';
import { answersOf, bytesOf, compileFirmware, HAS_C_COMPILER } from '../helpers/c-compiler.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { imageRefusal } from '../helpers/image-refusal.js';
import { rawImage } from '../helpers/raw-image.js';
import { sha256, TINY_SHAPE, tinyImage, tinySections, imageOf } from '../helpers/tiny-image.js';
import { Prng } from '../oracle/prng.js';

const CHANGES = count(1000, 200_000);
const BATCH = 1000;
/** The program of the gateware, which this reader need not understand (docs/IMAGE.md, section 6). */
const PROGRAM = { first: 16 + 80, end: 16 + 252 };
const MANIFEST_BYTES = 700;

/** Whether an image is taken, by the reader that the command line has. */
function isTaken(image: Uint8Array): boolean {
  const source = memorySource(image);
  return (
    imageRefusal(() => {
      const view = openImage(source);
      verifyHashes(source, view, () => createHash('sha256'));
      verifyWeights(source, view);
    }) === undefined
  );
}

/** Changes a byte or two anywhere, then makes checksums and hashes right where they were. */
function changed(original: Uint8Array, random: Prng): Uint8Array {
  const image = original.slice();
  const view = new DataView(image.buffer);
  const sections = [0, 1, 2, 3, 4].map((index) => {
    const [offset, length] = [view.getUint32(52 + 8 * index, true), view.getUint32(56 + 8 * index, true)];
    return { offset, length, hash: sha256(image.subarray(offset, offset + length)) };
  });
  for (let left = random.between(1, 2); left > 0; left--) {
    const { offset, length } = sections[random.between(0, 3)]!;
    const near = [
      random.between(16, 272),
      random.between(272, 272 + MANIFEST_BYTES),
      random.between(0, image.length - 1),
    ];
    const places = [
      ...near,
      ...near.slice(0, 2),
      offset + random.between(-5, 40),
      offset + random.between(0, length - 1),
    ];
    const at = places[random.between(0, places.length - 1)]!;
    if (at >= PROGRAM.first && at < PROGRAM.end) continue;
    const change = random.between(0, 2);
    image[at] =
      change === 0 ? random.between(0, 255) : change === 1 ? image[at]! ^ (1 << random.between(0, 7)) : image[at]! + 1;
  }
  for (const { offset, length, hash } of sections) {
    const place = Buffer.from(image.buffer).indexOf(hash);
    if (place >= 0) image.set(sha256(image.subarray(offset, offset + length)), place);
  }
  view.setUint32(268, crc32(image.subarray(16, 268)), true);
  const seal = image.length - 42;
  image.set(sha256(image.subarray(0, seal)), image.length - 32);
  return image;
}

describe.skipIf(!HAS_C_COMPILER)('the reader of images in C', () => {
  const at = temporaryFolder();
  let program = '';
  beforeAll(async () => {
    program = await compileFirmware('compute', at('.'));
  });

  /** 1 for each that is taken. */
  function verdicts(images: readonly Uint8Array[]): number[] {
    return answersOf(program, images.flatMap((image) => [bytesOf([image.length]), image, bytesOf([0])]).flat());
  }

  it('takes and refuses what the other reader does', () => {
    const originals = [1, 2, 3].map((seed) => tinyImage(seed));
    originals.push(
      rawImage(tinySections(5), {
        manifest: (manifest) => (manifest['chat'] = { template: '{{ messages }}', bos_token: '<s>', mask_token: '' }),
      }),
    );
    originals.push(imageOf(tinySections(4, { ...TINY_SHAPE, hiddenSize: 6, vocabSize: 9, eosTokenIds: [2, 5] })));
    const random = new Prng(20);
    let taken = 0;
    for (let done = 0; done < CHANGES; done += BATCH) {
      const images = Array.from({ length: BATCH }, () =>
        changed(originals[random.between(0, originals.length - 1)]!, random),
      );
      const expected = images.map(isTaken);
      const answers = verdicts(images);
      const different = expected.findIndex((isRight, index) => isRight !== (answers[index] === 1));
      expect(different < 0 ? '' : Buffer.from(images[different]!).toString('base64')).toBe('');
      taken += expected.filter(Boolean).length;
    }
    // Both verdicts must occur: a changed weight or name makes another image that is right.
    expect(taken).toBeGreaterThan(CHANGES / 50);
    expect(taken).toBeLessThan(CHANGES / 2);
    figure('core in C: changed images taken or refused as by the reference', `${CHANGES}, ${taken} of them taken`);
  });
});
