/**
 * The core as it is compiled for a Cortex-M33, in QEMU's Musca-B1: the shipped models, receipt by receipt, over its
 * UART.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mmfreeJson, TALES_IMAGE, temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';
import { HAS_QEMU, startQemuBoard } from '../helpers/qemu-board.js';

const TOKENS = count(10, 2000);

describe.skipIf(!HAS_QEMU)('the firmware for musca-b1', () => {
  const at = temporaryFolder();
  let board: Awaited<ReturnType<typeof startQemuBoard>> | undefined;
  beforeAll(async () => {
    board = await startQemuBoard(at('.'), TALES_IMAGE);
  });
  afterAll(() => board?.stop());

  it('tells tales whose receipts are those of the reference', { timeout: 3_600_000 }, async () => {
    let tokens = 0;
    for (let seed = 1; tokens < TOKENS; seed++) {
      const left = String(Math.min(400, TOKENS - tokens));
      const options = ['--board', board!.selector, '--check', '--temperature', '0.8', '--seed', String(seed)];
      const { exit, result } = await mmfreeJson('run', 'Once upon a time', '--max-tokens', left, ...options);
      expect(exit).toBe(0);
      tokens += Number(result['receipts_checked']);
    }
    figure('firmware for Cortex-M33 in QEMU: tokens of tales-9m, each receipt equal', String(tokens));
  });
});
