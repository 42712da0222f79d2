import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

import { cHeader } from '../../../protocol/headers/c-header.js';
import { verilogHeader } from '../../../protocol/headers/verilog-header.js';
import { blockLength, HEAD_BLOCK, LAYER_BLOCK, placeMatrices } from '../../../protocol/image/tensors.js';
import { MESSAGES } from '../../../protocol/wire/messages.js';
import { TINY_SHAPE } from '../../helpers/tiny-image.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
const hasGcc = spawnSync('gcc', ['--version']).status === 0;

test.each([
  ['docs/firmware/mmfree.h', cHeader],
  ['gateware/rtl/mmf_messages.vh', verilogHeader],
])('%s is that of the tables (else run node scripts/headers.mjs)', (file, header) => {
  expect(readFileSync(join(root, file), 'utf8')).toBe(header(sha256));
});

/** Walks through the tensors as firmware would: H 5, I 3, L 2, V 7. */
const PROGRAM = `
#include <stdio.h>
#include "mmfree.h"
#define HIDDEN 5L
#define INTERMEDIATE 3L
#define VOCAB 7L
#define PRINT(name, rows, columns, gain, slot) \\
  printf("%s %s %d %ld %ld\\n", #name, #gain, slot, offset, offset + (((rows) + MMFREE_TRITS_PER_BYTE - 1) / MMFREE_TRITS_PER_BYTE) * (columns)); \\
  offset += (((rows) + MMFREE_TRITS_PER_BYTE - 1) / MMFREE_TRITS_PER_BYTE) * (columns);
#define COUNT(name, columns, first, last) count += (first) < (last) ? (columns) : 0;
#define SLOT(name, slot, first, last) printf("%s %d %d %d\\n", #name, slot, first, last);
int main(void) {
  static const unsigned char schema[8] = MMFREE_SCHEMA;
  long offset = 0, count = MMFREE_BLOCK_CONSTANTS;
  for (int layer = 0; layer < 2; layer++) { MMFREE_LAYER_MATRICES(PRINT) }
  MMFREE_HEAD_MATRICES(PRINT)
  MMFREE_HEAD_VECTORS(COUNT)
  printf("%ld\\n", count);
  count = MMFREE_BLOCK_CONSTANTS;
  MMFREE_LAYER_VECTORS(COUNT)
  printf("%ld\\n", count);
  MMFREE_LAYER_CONSTANTS(SLOT)
  printf("%d %d %d\\n", MMFREE_AT_HIDDEN_SIZE, MMFREE_AT_TERNARY_OFFSET, MMFREE_AT_CRC);
  printf("%02x%02x %d %d\\n", schema[0], schema[7], MMFREE_MESSAGE_STEPPED, MMFREE_EM_FIRST);
  return 0;
}
`;

describe.skipIf(!hasGcc)('the header for C', () => {
  test('compiles without a warning, and leads through an image', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mmfree-header-'));
    try {
      writeFileSync(join(folder, 'mmfree.h'), cHeader(sha256));
      writeFileSync(join(folder, 'walk.c'), PROGRAM);
      const options = ['-std=c99', '-Wall', '-Wextra', '-Wpedantic', '-Werror'];
      execFileSync('gcc', [...options, '-o', join(folder, 'walk'), join(folder, 'walk.c')]);
      const lines = execFileSync(join(folder, 'walk'), { encoding: 'utf8' }).trimEnd().split('\n');
      const { layers, head } = placeMatrices(TINY_SHAPE);
      const matrices = [...layers, head].map(({ tensor, offset, length }) => {
        return `${constantCase(tensor.name)} ${constantCase(tensor.gain)} ${tensor.scale} ${offset} ${offset + length}`;
      });
      expect(lines).toEqual([
        ...matrices,
        String(blockLength(HEAD_BLOCK, TINY_SHAPE)),
        String(blockLength(LAYER_BLOCK, TINY_SHAPE)),
        'G_EPS_SHIFT 12 0 127',
        '12 60 252',
        'ac9a 145 -64',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('the header for Verilog has every message of the base table', () => {
  for (const { name, type } of MESSAGES) {
    expect(verilogHeader(sha256)).toContain(`\`define MMF_${name} 8'h${type.toString(16)}\n`);
  }
});

function constantCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
