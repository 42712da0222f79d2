/** A second board of the same kind comes while the first is away, re-enumerating. */

import assert from 'node:assert/strict';
import { LabBoard } from '../guest/lab-board.js';
import { asMmfreeRun, mmfreeExits, startMmfree } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import type { Lab, Scenario } from '../guest/scenario.js';

export const twins: Scenario = {
  name: 'twins',
  expected:
    'a second identical board that takes the place of the first while that re-enumerates is not flashed; without a selector, two boards are refused with the list',
  async run(lab) {
    const { log } = lab;
    const board = await LabBoard.plugged(lab, { serial: 'TWIN-A', model: 'dot', dfu: 'will-detach' });
    const twin = await LabBoard.start(lab, { serial: 'TWIN-B', model: 'dot', dfu: 'will-detach' });
    const { flashOperations } = twin;
    const { place } = board;

    // Detached, the board leaves the bus; the twin is plugged into its port before it comes back.
    const running = startMmfree(log, ['flash', modelPath('dash'), '--board', board.serial]);
    await board.left();
    await twin.plugIn();
    assert.equal(twin.place, place, 'the twin is in another port');
    await board.plugIn();
    assert.notEqual(board.place, place);
    // After the download it comes back by itself, by the reset of its port.
    const { exit, error } = asMmfreeRun(await running.ended);
    assert.equal(exit, 0, `${error.message}: ${error.cause}`);
    assert.equal(board.runs, modelSha256('dash'));
    assert.equal(twin.runs, modelSha256('dot'), 'the twin was flashed');
    assert.equal(twin.flashOperations, flashOperations, 'the twin was written to');

    const refused = await mmfreeExits(log, 11, ['flash', modelPath('red')]);
    for (const { serial } of [board, twin]) assert.ok(JSON.stringify(refused.error).includes(serial));
    assert.equal(board.runs, modelSha256('dash'));
    await board.end();
    await twin.end();

    const writes = twin.flashOperations - flashOperations + (await flashBesideClone(lab));
    return { flashes: 2, 'writes to twins': writes, refusals: 1 };
  },
};

/**
 * Two boards with the same serial number: only their places tell them apart, also while one is away for a moment.
 *
 * @returns how often the other one was written to
 */
async function flashBesideClone(lab: Lab): Promise<number> {
  const board = await LabBoard.plugged(lab, { serial: 'CLONE', model: 'dot', dfu: 'reset' });
  const clone = await LabBoard.plugged(lab, { serial: 'CLONE', model: 'dot' });
  const { flashOperations } = clone;
  await mmfreeExits(lab.log, 0, ['flash', modelPath('dash'), '--board', `usb:${board.place}`]);
  assert.equal(board.runs, modelSha256('dash'));
  assert.equal(clone.flashOperations, flashOperations, 'the clone was written to');
  return clone.flashOperations - flashOperations;
}
