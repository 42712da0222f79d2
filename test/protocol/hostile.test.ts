/**
 * Hostile bytes in bulk: plain loops over a seeded generator, because a million cases are too many for shrinking
 * property tests.
 *
 * Whatever arrives, the answer is a value or the area's own error, never another exception, and nothing is allocated by
 * its word.
 */
import { describe, expect, it } from 'vitest';
import { parseSafetensorsHeader } from '../../model/checkpoint/safetensors-header.js';
import { CheckpointError } from '../../model/checkpoint/checkpoint-error.js';
import { memorySource } from '../../protocol/byte-source.js';
import { CborError, scanCbor } from '../../protocol/cbor-scan.js';
import { decodeCbor } from '../../protocol/cbor.js';
import { ImageError } from '../../protocol/image/image-error.js';
import { openImage } from '../../protocol/image/image-reader.js';
import { count } from '../helpers/counts.js';
import { tinyImage } from '../helpers/tiny-image.js';
import { Prng } from '../oracle/prng.js';

/** First bytes of CBOR heads, hostile ones first: huge arrays and maps, tags, indefinite lengths, floats, text. */
const HEADS = [
  0x9a, 0x9b, 0xba, 0xbb, 0xc0, 0xd8, 0xdb, 0x5f, 0x7f, 0x9f, 0xbf, 0xf9, 0xfb, 0x5b, 0x7b, 0x61, 0x81, 0xa1, 0x40,
];

const ITEMS = count(50_000, 1_000_000);
const CHANGED = count(5_000, 100_000);

type Outcome = 'accepted' | 'refused';

/** Runs `attempt` and says how it ended; anything but the expected error class fails the test. */
function outcome(refusal: new (...args: never[]) => Error, attempt: () => unknown): Outcome {
  try {
    attempt();
    return 'accepted';
  } catch (error) {
    if (error instanceof refusal) return 'refused';
    throw error;
  }
}

/** Calls `attempt` on `runs` inputs and counts the outcomes. */
function outcomes(runs: number, attempt: (run: number) => Outcome): Record<Outcome, number> {
  const counts = { accepted: 0, refused: 0 };
  for (let run = 0; run < runs; run++) counts[attempt(run)]++;
  return counts;
}

describe('hostile inputs', () => {
  it('random CBOR items are scanned or refused, and what passes decodes', () => {
    const random = new Prng(1);
    const bytes = new Uint8Array(24);
    const counts = outcomes(ITEMS, () => {
      const length = random.between(1, bytes.length);
      for (let k = 0; k < length; k++) {
        bytes[k] =
          random.between(0, 1) === 0 ? random.between(0, 255) : (HEADS[random.between(0, HEADS.length - 1)] ?? 0);
      }
      const item = bytes.subarray(0, length);
      return outcome(CborError, () => {
        scanCbor(memorySource(item));
        decodeCbor(item);
      });
    });
    expect(counts.accepted).toBeGreaterThan(ITEMS / 1000);
    expect(counts.refused).toBeGreaterThan(0.9 * ITEMS);
  });

  it('images with up to four changed bytes open or are refused', () => {
    const random = new Prng(2);
    const image = tinyImage();
    const source = memorySource(image);
    const head = 4096;
    const counts = outcomes(CHANGED, () => {
      const changes = Array.from({ length: random.between(1, 4) }, () => {
        // Head and seal: what opening reads.
        const at = random.between(0, 1) === 0 ? random.between(0, head - 1) : image.length - random.between(1, 42);
        const before = image[at] ?? 0;
        image[at] = random.between(0, 255);
        return { at, before };
      });
      const result = outcome(ImageError, () => openImage(source));
      for (const { at, before } of changes.toReversed()) image[at] = before;
      return result;
    });
    expect(() => openImage(source)).not.toThrow();
    // Changes inside a hash keep the structure; verifyHashes is what finds them.
    expect(counts.accepted).toBeGreaterThan(0);
    expect(counts.refused).toBeGreaterThan(CHANGED / 2);
  });

  it('changed safetensors headers are read or refused', () => {
    const random = new Prng(3);
    const text =
      '{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}';
    const original = new TextEncoder().encode(text);
    const symbols = new TextEncoder().encode('{}[]":,0123456789eE+-.\\u "nulltruefals');
    const counts = outcomes(CHANGED, () => {
      const header = original.slice(0, random.between(0, 9) === 0 ? random.between(0, original.length) : undefined);
      for (let change = random.between(1, 3); change > 0; change--) {
        const at = random.between(0, Math.max(0, header.length - 1));
        header[at] =
          random.between(0, 3) === 0 ? random.between(0, 255) : (symbols[random.between(0, symbols.length - 1)] ?? 0);
      }
      return outcome(CheckpointError, () => parseSafetensorsHeader(header, 16, 'model.safetensors'));
    });
    expect(counts.refused).toBeGreaterThan(CHANGED / 2);
    expect(counts.accepted).toBeGreaterThan(0);
  });
});
