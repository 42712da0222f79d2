/**
 * The host's tests of boards, with the board of firmware/ in the place of the one in TypeScript: sessions, runs,
 * flashes and states, on lines that lose frames, with wires that are taken away.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compileFirmware, HAS_C_COMPILER } from '../helpers/c-compiler.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count, figure } from '../helpers/counts.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const IN_CI = [
  'test/device/session.test.ts',
  'test/firmware-host/firmware/board.test.ts',
  'test/firmware-host/firmware/flashing.test.ts',
  'test/firmware-host/firmware/state-requests.test.ts',
  'test/firmware-host/firmware/usb/one-at-a-time.test.ts',
];
const IN_LONG_RUN = [
  'test/device/board/board-machine.test.ts',
  'test/device/board/board-run.test.ts',
  'test/device/board/checkpoints.test.ts',
  'test/device/capabilities.test.ts',
  'test/device/end-tokens.test.ts',
  'test/device/interruption.test.ts',
  'test/device/line-faults.test.ts',
  'test/device/slow-line.test.ts',
  'test/firmware-host/firmware/usb/board-device.test.ts',
  'test/firmware-host/firmware/usb/dfu-power-cuts.test.ts',
];

describe.skipIf(!HAS_C_COMPILER)('the board in C', () => {
  const at = temporaryFolder();

  it('passes the tests of boards', { timeout: 3_600_000 }, async () => {
    const program = await compileFirmware('tested-board', at('.'));
    const files = [...IN_CI, ...(count(0, 1) === 1 ? IN_LONG_RUN : [])];
    const { MMFREE_FIGURES: _, ...rest } = process.env;
    const env = { ...rest, MMFREE_C_BOARD: program, NO_COLOR: '1' };
    const vitest = [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=json',
      `--outputFile=${at('report.json')}`,
      '--maxWorkers=1',
    ];
    spawnSync(process.execPath, [...vitest, ...files], { cwd: ROOT, env, stdio: 'ignore' });
    const report = JSON.parse(readFileSync(at('report.json'), 'utf8')) as Report;
    const failed = report.testResults.flatMap(({ assertionResults }) => {
      return assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
    });
    expect(failed).toEqual([]);
    expect(report.success).toBe(true);
    expect(report.testResults).toHaveLength(files.length);
    expect(report.numPassedTests).toBeGreaterThan(80);
    figure('board in C: tests of boards passed', String(report.numPassedTests));
  });
});

/** What is used of vitest's report. */
interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}
