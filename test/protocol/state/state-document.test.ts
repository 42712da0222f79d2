/** docs/STATE.md says bytes and numbers; they are the ones that the code has. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { MAX_CANDIDATES, MAX_INV_TEMPERATURE, MAX_TOP_P } from '../../../protocol/sampling.js';
import { MAX_STATE_WORD } from '../../../protocol/state/sequence-state.js';
import {
  decodeState,
  encodeState,
  MAX_HELD_BYTES,
  MAX_STATE_BYTES,
  MAX_STATE_TOKENS,
  STATE_HEAD_BYTES,
} from '../../../protocol/state/state-file.js';

const DOCUMENT = readFileSync(new URL('../../../docs/STATE.md', import.meta.url), 'utf8');

describe('docs/STATE.md', () => {
  test('shows the bytes of the state that it describes', () => {
    const [, dump = ''] = /^```\n([^]*?)```$/m.exec(DOCUMENT) ?? [];
    const lines = dump.trimEnd().split('\n');
    expect(lines.map((line) => Number(line.slice(0, 3)))).toEqual(lines.map((_, index) => 16 * index));
    const file = new Uint8Array(Buffer.from(lines.map((line) => line.slice(5).replaceAll(' ', '')).join(''), 'hex'));
    const saved = decodeState(file);
    expect(saved).toEqual({
      image: Uint8Array.from({ length: 32 }, (_, index) => index),
      shape: { vocabSize: 300, hiddenSize: 3, intermediateSize: 7, layers: 2 },
      state: {
        position: 3,
        lastReceipt: 0xfedcba98,
        chosen: 299,
        nextDraw: 2,
        words: Int32Array.of(0, 1, -1, 1_073_709_056, -1_073_709_056, 12_345),
      },
      sampler: { topK: 40, invTemperature: 1847, topP: 31_130, seedLow: 1, seedHigh: 0 },
      held: {
        hasBegun: true,
        stripLeft: 0,
        text: new TextEncoder().encode('\nUs'),
        run: new TextEncoder().encode('€').subarray(0, 2),
        isRunBroken: false,
      },
      tokens: Uint32Array.of(0, 298, 17),
    });
    expect(encodeState(saved)).toEqual(file);
  });

  test('gives the fields of the head without a gap', () => {
    const rows = [...DOCUMENT.matchAll(/^\| (\d+) +\| (\d+) +\|/gm)].map(([, at, length]) => [
      Number(at),
      Number(length),
    ]);
    expect(rows).toHaveLength(22);
    let end = 0;
    for (const [at, length = 0] of rows) {
      expect(at).toBe(end);
      end += length;
    }
    expect(end).toBe(STATE_HEAD_BYTES);
  });

  test.each([
    ['|word| ≤ 1,073,709,056', MAX_STATE_WORD],
    ['`T`, bytes of text that is certain and not shown yet, at most 1,048,576', MAX_HELD_BYTES],
    ['`R`, bytes behind it that are no text yet, at most 1,048,576', MAX_HELD_BYTES],
    ['position of them, at most 1,048,576', MAX_STATE_TOKENS],
    ['no file is longer than 14,680,196 bytes', MAX_STATE_BYTES],
    ['top-k, 1 … 64', MAX_CANDIDATES],
    ['Q10, 0 … 29,546', MAX_INV_TEMPERATURE],
    ['Q15, 1 … 32,768', MAX_TOP_P],
  ])('gives the limit in "%s"', (text, limit) => {
    expect(DOCUMENT).toContain(text);
    expect(text).toContain(limit.toLocaleString('en-US'));
  });
});
