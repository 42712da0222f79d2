import { describe, expect, it } from 'vitest';
import { encodeFrame, type Frame } from '../../../protocol/wire/frame.js';
import { frameTracer, type TraceRecord } from '../../../protocol/wire/frame-trace.js';
import { encodeMessage } from '../../../protocol/wire/message.js';
import { FLASH_WRITE } from '../../../protocol/wire/messages-flash.js';
import { RUN, TOKEN } from '../../../protocol/wire/messages-run.js';
import { synPayload } from '../../../protocol/wire/opening.js';

const FRAME: Frame = {
  kind: 'data',
  type: 0,
  sequence: 7,
  acknowledge: 3,
  window: 32,
  again: false,
  payload: new Uint8Array(0),
};

/** What is recorded of bytes that come in one piece, and byte by byte. */
function recordsOf(bytes: Uint8Array, to: 'board' | 'host' = 'board'): TraceRecord[] {
  const [whole, cut]: [TraceRecord[], TraceRecord[]] = [[], []];
  for (const [records, size] of [
    [whole, bytes.length],
    [cut, 1],
  ] as const) {
    const tap = frameTracer(
      (record) => records.push(record),
      () => 1.23456,
    ).open('tcp:a:1');
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      if (to === 'board') tap.toBoard(piece);
      else tap.toHost(piece);
    }
    tap.close('unplugged');
    tap.close('closed by the host');
  }
  // Text is told as it comes.
  const frames = (records: readonly TraceRecord[]): TraceRecord[] => records.filter(({ kind }) => kind !== 'text');
  expect(frames(cut)).toEqual(frames(whole));
  expect(whole[0]).toEqual({ ms: 1.235, wire: 1, kind: 'open', name: 'tcp:a:1' });
  expect(whole.at(-1)).toEqual({ ms: 1.235, wire: 1, kind: 'close', reason: 'unplugged' });
  return whole.slice(1, -1).map(({ ms: _ms, wire: _wire, ...rest }) => rest);
}

describe('a trace', () => {
  it('names messages and their fields', () => {
    const value = { run: 5, firstIndex: 0, maxTokens: 9, topK: 40, keep: 1, inverseTemperature: 0, topP: 32768, seed: 2n ** 63n, tokens: Uint32Array.of(0, 334) }; // prettier-ignore
    const frame = encodeFrame({ ...FRAME, type: RUN.type, payload: encodeMessage(RUN, value) });
    expect(recordsOf(frame)).toEqual([
      {
        to: 'board',
        kind: 'data',
        sequence: 7,
        acknowledge: 3,
        window: 32,
        type: RUN.type,
        name: 'RUN',
        fields: { ...value, seed: '9223372036854775808', tokens: [0, 334] },
      },
    ]);
  });

  it('shows long bytes by length, start and checksum', () => {
    const payload = encodeMessage(FLASH_WRITE, { offset: 2048, data: new Uint8Array(2048) });
    const [record] = recordsOf(encodeFrame({ ...FRAME, type: FLASH_WRITE.type, payload }));
    // CRC-32 of 2,048 zeros by zlib.crc32 of Python.
    const data = { length: 2048, start: '00'.repeat(16), crc32: 'f1e8ba9e' };
    expect(record).toMatchObject({ name: 'FLASH_WRITE', fields: { offset: 2048, data } });
  });

  it('has what is no message of this protocol, too', () => {
    const bytes = [
      ...new TextEncoder().encode('boot\r\n'),
      0,
      ...encodeFrame({ ...FRAME, kind: 'syn', type: 0, sequence: 0, acknowledge: 0, payload: synPayload(1) }),
      ...encodeFrame({ ...FRAME, type: TOKEN.type, payload: Uint8Array.of(1, 2) }),
      ...encodeFrame({ ...FRAME, type: 0x7f, payload: Uint8Array.of(1, 2) }),
      ...encodeFrame({ ...FRAME, kind: 'ack', type: 0, sequence: 0, again: true }),
      1,
      2,
      3,
      0, // prettier-ignore
    ];
    const records = recordsOf(Uint8Array.from(bytes), 'host');
    expect(records.filter(({ kind }) => kind !== 'text')).toEqual([
      { to: 'host', kind: 'syn', window: 32, payload: '6d6d66726565000101000000' },
      {
        to: 'host',
        kind: 'data',
        sequence: 7,
        acknowledge: 3,
        window: 32,
        type: TOKEN.type,
        name: 'TOKEN',
        malformed: '0102',
      },
      { to: 'host', kind: 'data', sequence: 7, acknowledge: 3, window: 32, type: 0x7f, name: null, payload: '0102' },
      { to: 'host', kind: 'ack', acknowledge: 3, window: 32, again: true },
      { to: 'host', kind: 'bad', reason: expect.any(String) },
    ]);
  });
});
