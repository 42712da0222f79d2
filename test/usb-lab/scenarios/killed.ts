/** The program that flashes is killed; and two programs want the same board. */

import assert from 'node:assert/strict';
import { LabBoard } from '../guest/lab-board.js';
import { asMmfreeRun, eventsOf, mmfreeExits, startMmfree } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import type { Running } from '../guest/program.js';
import type { Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';

/** Of an erasure: so short that nobody waits, or so long that two programs can start and end while one flashes. */
const SHORT_MS = 20;
const LONG_MS = 800;

export const killed: Scenario = {
  name: 'killed',
  expected:
    'after kill -9 in the middle of a flash the next one resumes; a second program is refused, and the first goes on undisturbed',
  async run(lab) {
    const { log } = lab;
    const timing = { eraseMs: SHORT_MS, programMs: 0 };
    const board = await LabBoard.plugged(lab, { serial: 'KILLED', model: 'dot', timing });

    const first = startMmfree(log, ['flash', modelPath('red'), '--board', board.serial]);
    await flashed(first, 0.3);
    first.kill('SIGKILL');
    await first.ended;
    assert.equal(board.runs, modelSha256('dot'), 'the old model is gone');

    const second = startMmfree(log, ['flash', modelPath('red'), '--board', board.serial]);
    await flashed(second, 0.4);
    timing.eraseMs = LONG_MS;
    const refused = await Promise.all([
      mmfreeExits(log, 5, ['flash', modelPath('dash'), '--board', board.serial]),
      mmfreeExits(log, 5, ['run', '--board', board.serial, '--ids', '--max-tokens', '1']),
    ]);
    timing.eraseMs = SHORT_MS;
    const resumed = asMmfreeRun(await second.ended);
    assert.equal(resumed.exit, 0, `${resumed.error.message}: ${resumed.error.cause}`);
    const keptBytes = Number(resumed.result['kept_bytes']);
    assert.ok(keptBytes > 0, 'it did not resume');
    assert.equal(board.runs, modelSha256('red'));
    return { 'kill -9': 1, 'bytes kept': keptBytes, 'second programs refused': refused.length };
  },
};

/** Waits until a part of the image is on the board. */
async function flashed(running: Running, part: number): Promise<void> {
  await until(`${100 * part} % of a flash`, () =>
    eventsOf(running.stdout()).some(
      ({ type, done, total }) => type === 'progress' && Number(done) > part * Number(total),
    ),
  );
}
