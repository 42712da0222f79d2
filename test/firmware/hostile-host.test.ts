/** Hostile hosts against the board in C, on x86-64 with AddressSanitizer: the fuzzer's corpus, and mutants of it. */

import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileSources, HAS_C_COMPILER } from '../helpers/c-compiler.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { goodImage } from '../helpers/good-image.js';

const FUZZ = fileURLToPath(new URL('../../firmware/fuzz', import.meta.url));
const CORPUS = join(FUZZ, 'corpus-board');
const MUTANTS = count(1000, 700_000);
const FRAMES = count(5_000, 10_000_000);

describe.skipIf(!HAS_C_COMPILER)('a hostile host', () => {
  const at = temporaryFolder();
  let program = '';
  beforeAll(async () => {
    program = await compileSources([join(FUZZ, 'board.c'), join(FUZZ, 'replay.c')], at('replay'));
    writeFileSync(at('image'), goodImage(1));
  });

  it(
    'never makes the board read or write where it must not, or do what nobody defined',
    { timeout: 36_000_000 },
    () => {
      const files = readdirSync(CORPUS).map((name) => join(CORPUS, name));
      const env = { ...process.env, MMFREE_FUZZ_IMAGE: at('image'), MMFREE_FUZZ_COUNT: '1' };
      const { status, stdout, stderr } = spawnSync(program, [String(MUTANTS), '1', ...files], { env });
      expect(stderr.toString()).toBe('');
      expect(status).toBe(0);
      expect(Number(stdout)).toBeGreaterThan(FRAMES);
      figure(
        'board in C: frames of hostile hosts without a finding, and their sessions',
        `${Number(stdout)}, ${files.length + MUTANTS}`,
      );
    },
  );
});
