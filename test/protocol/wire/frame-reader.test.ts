import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDeepStrictEqual } from 'node:util';

import { encodeFrame, MAX_ENCODED_BYTES } from '../../../protocol/wire/frame.js';
import type { Frame } from '../../../protocol/wire/frame.js';
import { FrameReader } from '../../../protocol/wire/frame-reader.js';
import type { FrameEvent } from '../../../protocol/wire/frame-reader.js';
import { anyDataFrame, bytes, frameOf, framesIn, joined, ONE_OF_EACH_KIND, readAll } from '../../helpers/frames.js';

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'ascii'));
const LINE = joined(ONE_OF_EACH_KIND.map((frame) => encodeFrame(frame)));
const ACK = encodeFrame(frameOf({ kind: 'ack' }));

/** Texts joined where they follow one another, as a monitor shows them. */
function textIn(events: readonly FrameEvent[]): string {
  return events.map((event) => (event.kind === 'text' ? Buffer.from(event.bytes).toString('latin1') : '')).join('');
}

describe('FrameReader', () => {
  test('finds the same frames wherever the stream is cut', () => {
    for (let cut = 0; cut <= LINE.length; cut++) {
      expect(framesIn(readAll(LINE.subarray(0, cut), LINE.subarray(cut)))).toEqual(ONE_OF_EACH_KIND);
    }
    expect(framesIn(readAll(...Array.from(LINE, (byte) => Uint8Array.of(byte))))).toEqual(ONE_OF_EACH_KIND);
  });

  test('finds the same whatever the stream holds and wherever it is cut', () => {
    const stream = fc
      .array(
        fc.oneof(
          anyDataFrame(20).map((frame) => encodeFrame(frame)),
          fc.uint8Array(),
        ),
      )
      .map(joined);
    fc.assert(
      fc.property(stream, fc.array(fc.nat(30)), (line, lengths) => {
        const pieces: Uint8Array[] = [];
        let rest = line;
        for (const length of lengths) {
          pieces.push(rest.subarray(0, length));
          rest = rest.subarray(length);
        }
        const inPieces = readAll(...pieces, rest);
        const atOnce = readAll(line);
        const notText = ({ kind }: FrameEvent): boolean => kind !== 'text';
        expect(inPieces.filter(notText)).toEqual(atOnce.filter(notText));
        expect(textIn(inPieces)).toBe(textIn(atOnce));
      }),
    );
  });

  test('ignores empty frames', () => {
    expect(readAll(new Uint8Array(100), LINE, new Uint8Array(100))).toHaveLength(ONE_OF_EACH_KIND.length);
  });

  test('gives copies that later bytes do not change', () => {
    const reader = new FrameReader();
    const line = encodeFrame(ONE_OF_EACH_KIND[0]!);
    const [event] = reader.feed(line);
    line.fill(0xee);
    reader.feed(new Uint8Array(5000).fill(0xee));
    expect(event).toEqual({ kind: 'frame', frame: ONE_OF_EACH_KIND[0] });
  });

  test.each([
    ['malformed stuffing', '01 09 11 00', 'cobs'],
    ['too few bytes', '02 01 05 11 11 11 11 00', 'length'],
    ['a wrong CRC', '02 01 09 11 11 11 11 11 11 11 11 00', 'crc'],
  ])('reports %s and goes on with the next frame', (_, hex, reason) => {
    expect(readAll(ACK, bytes(hex), ACK)).toEqual([...readAll(ACK), { kind: 'bad', reason }, ...readAll(ACK)]);
  });

  test.each([1, 2, 1000])('reports what is %i bytes longer than any frame once, at its end', (excess) => {
    const long = new Uint8Array(MAX_ENCODED_BYTES + excess).fill(1);
    expect(readAll(long)).toEqual([]);
    expect(readAll(long, Uint8Array.of(0), ACK)).toEqual([{ kind: 'bad', reason: 'length' }, ...readAll(ACK)]);
  });
});

describe('boot text', () => {
  test('is passed on as it comes, before any zero', () => {
    const reader = new FrameReader();
    expect(reader.feed(ascii('boot'))).toEqual([{ kind: 'text', bytes: ascii('boot') }]);
    expect(reader.feed(ascii('ing\r\n'))).toEqual([{ kind: 'text', bytes: ascii('ing\r\n') }]);
  });

  test('ends with a zero or the first frame, and comes no more after it', () => {
    const events = readAll(ascii('first'), Uint8Array.of(0), ascii('second'), Uint8Array.of(0), ACK, ascii('AT\r\n\0'));
    expect(textIn(events)).toBe('firstsecond');
    expect(events.map(({ kind }) => kind)).toEqual(['text', 'text', 'frame', 'bad']);
  });

  test('may be of any length', () => {
    const events = readAll(ascii('x'.repeat(3 * MAX_ENCODED_BYTES)), Uint8Array.of(0), ACK);
    expect(textIn(events)).toHaveLength(3 * MAX_ENCODED_BYTES);
    expect(events.at(-1)?.kind).toBe('frame');
  });

  test('is a copy', () => {
    const line = ascii('boot');
    const events = readAll(line);
    line.fill(0);
    expect(textIn(events)).toBe('boot');
  });
});

describe('garbage', () => {
  const frames = fc.array(anyDataFrame(30), { minLength: 1, maxLength: 12 });
  const noise = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.constant(Uint8Array.of(0)));
  const bursts = fc.array(fc.tuple(fc.nat(), noise), { maxLength: 4 });

  test('between or inside frames costs at most one frame for each burst', () => {
    fc.assert(
      fc.property(frames, bursts, (sent, places) => {
        let line = joined(sent.map((frame) => encodeFrame(frame)));
        for (const [place, burst] of places) {
          const at = place % (line.length + 1);
          line = joined([line.subarray(0, at), burst, line.subarray(at)]);
        }
        expectMissing(framesIn(readAll(line)), sent, places.length);
      }),
    );
  });

  test('over bytes of one frame costs that frame, with the next one if the delimiter is hit', () => {
    fc.assert(
      fc.property(frames, fc.nat(), noise, (sent, which, burst) => {
        const lines = sent.map((frame) => encodeFrame(frame));
        const target = lines[which % lines.length]!;
        const isDelimiterHit = burst.length >= target.length;
        target.set(burst.subarray(0, target.length));
        expectMissing(framesIn(readAll(joined(lines))), sent, isDelimiterHit ? 2 : 1);
      }),
    );
  });

  test('before a frame that follows a pause costs nothing', () => {
    fc.assert(
      fc.property(frames, noise, (sent, burst) => {
        const line = joined(sent.flatMap((frame) => [burst, encodeFrame(frame, true)]));
        expectMissing(framesIn(readAll(line)), sent, 0);
      }),
    );
  });

  test('of any amount takes no memory', () => {
    const reader = new FrameReader();
    reader.feed(ACK);
    const before = process.memoryUsage().arrayBuffers;
    const piece = new Uint8Array(2 ** 16).fill(7);
    for (let index = 0; index < 1000; index++) expect(reader.feed(piece)).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
    expect(reader.feed(joined([Uint8Array.of(0), ACK])).map(({ kind }) => kind)).toEqual(['bad', 'frame']);
  });
});

/** That `found` is `sent` with at most `most` missing, and nothing else. */
function expectMissing(found: readonly Frame[], sent: readonly Frame[], most: number): void {
  let at = 0;
  for (const frame of sent) if (isDeepStrictEqual(found[at], frame)) at++;
  expect(at).toBe(found.length);
  expect(sent.length - found.length).toBeLessThanOrEqual(most);
}
