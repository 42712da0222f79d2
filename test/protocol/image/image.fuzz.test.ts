/** Random damage and malice against the whole check of an image: structure, hashes and weights one after the other. */

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { memorySource } from '../../../protocol/byte-source.js';
import type { ImageError } from '../../../protocol/image/image-error.js';
import { verifyHashes } from '../../../protocol/image/image-hashes.js';
import { openImage } from '../../../protocol/image/image-reader.js';
import { verifyWeights } from '../../../protocol/image/weight-checks.js';
import { imageRefusal } from '../../helpers/image-refusal.js';
import { rawImage } from '../../helpers/raw-image.js';
import type { RawManifest } from '../../helpers/raw-image.js';
import { tinyImage, tinySections } from '../../helpers/tiny-image.js';

const IMAGE = tinyImage();

/** What the whole check says of a file; any other error than an ImageError fails the test. */
function refusal(bytes: Uint8Array): ImageError | undefined {
  return imageRefusal(() => {
    const source = memorySource(bytes);
    const view = openImage(source);
    verifyHashes(source, view, () => createHash('sha256'));
    verifyWeights(source, view);
  });
}

describe('the whole check of an image', () => {
  test('accepts what the writer wrote', () => {
    expect(refusal(IMAGE)).toBeUndefined();
  });

  test('finds any splice: bytes overwritten, cut out, moved in or doubled', () => {
    const at = fc.nat(IMAGE.length);
    fc.assert(
      fc.property(at, at, fc.nat(5000), fc.uint8Array({ maxLength: 20 }), (to, from, length, bytes) => {
        const moved = IMAGE.subarray(from, from + length);
        for (const insert of [bytes, moved]) {
          for (const removed of [0, insert.length, length]) {
            const changed = new Uint8Array(
              Buffer.concat([IMAGE.subarray(0, to), insert, IMAGE.subarray(Math.min(to + removed, IMAGE.length))]),
            );
            expect(refusal(changed) === undefined).toBe(Buffer.from(IMAGE).equals(changed));
          }
        }
      }),
    );
  });

  test('never fails in another way on bytes that start like an image', () => {
    fc.assert(
      fc.property(fc.nat(IMAGE.length), fc.uint8Array({ maxLength: 2000 }), (kept, tail) => {
        const bytes = Buffer.concat([IMAGE.subarray(0, kept), tail]);
        expect(refusal(bytes) === undefined).toBe(bytes.equals(IMAGE));
      }),
    );
  });

  test('never fails in another way on what a hostile packer makes, all checksums and hashes being right', () => {
    const value = fc.oneof(
      fc.anything({ values: [fc.integer(), fc.string(), fc.boolean(), fc.constant(null)], maxDepth: 9 }),
      fc.uint8Array(),
      fc.maxSafeInteger(),
      fc.double(),
    );
    const place = fc.tuple(fc.constantFrom<ManifestPath>('', 'model', 'source', 'sections', 'self_test'), fc.nat(8));
    const word = fc.tuple(
      fc.nat(62),
      fc.oneof(fc.nat(10), fc.nat(2 ** 32 - 1), fc.constantFrom(4096, 8192, 65_536, 2 ** 32 - 1)),
    );
    const byte = fc.tuple(fc.nat(10_000), fc.nat(255));
    fc.assert(
      fc.property(
        fc.option(fc.tuple(place, value)),
        fc.array(word, { maxLength: 2 }),
        fc.array(byte, { maxLength: 2 }),
        (manifestChange, words, bytes) => {
          const sections = tinySections();
          for (const [at, changed] of bytes) {
            const content = [sections.vectors, sections.embedding, sections.ternary][at % 3]!;
            content[at % content.length] = changed;
          }
          const image = rawImage(sections, {
            manifest: (manifest) => manifestChange && changeManifest(manifest, ...manifestChange),
            boot: (view) => words.forEach(([index, changed]) => view.setUint32(4 * index, changed, true)),
          });
          expect(() => refusal(image)).not.toThrow();
        },
      ),
    );
  });
});

type ManifestPath = '' | 'model' | 'source' | 'sections' | 'self_test';

/** Replaces one value, or adds one under a new key if there are not as many. */
function changeManifest(manifest: RawManifest, [path, index]: readonly [ManifestPath, number], value: unknown): void {
  const { model, source, sections, self_test } = manifest;
  const map = { '': manifest, model, source, sections, self_test }[path];
  map[Object.keys(map)[index] ?? 'new'] = value;
}
