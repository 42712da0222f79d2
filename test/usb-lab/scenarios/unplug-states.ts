/** The cable of a board goes in each state of DFU. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { DfuStateName } from '../../../firmware-host/firmware/usb/dfu-protocol.js';
import { LabBoard } from '../guest/lab-board.js';
import { asMmfreeRun, startMmfree } from '../guest/mmfree.js';
import { modelBytes, modelPath, modelSha256 } from '../guest/models.js';
import type { ModelName } from '../guest/models.js';
import { run } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';

/** Slow enough for a board to be busy at every block. */
const TIMING = { eraseMs: 3, programMs: 0.1 };

export const unplugStates: Scenario = {
  name: 'unplug-states',
  expected: 'unplugged in each state of DFU and replugged: mmfree resumes by itself, dfu-util on the next try',
  async run(lab) {
    const { log, folder } = lab;
    const always = await LabBoard.plugged(lab, { serial: 'STATES-1', model: 'dot', timing: TIMING });
    const pulled: DfuStateName[] = [];
    pulled.push(
      ...(await flashPulledIn(lab, always, 'red', [
        ...(['dfuIDLE', 'dfuDNLOAD_SYNC', 'dfuDNBUSY', 'dfuDNLOAD_IDLE'] as const),
        ...(['dfuMANIFEST_SYNC', 'dfuMANIFEST'] as const),
      ])),
    );

    // Two states that only others bring about: an upload, and a file that is refused.
    const bad = `${folder}/bad`;
    writeFileSync(bad, new Uint8Array(10_000));
    for (const [state, args] of [
      ['dfuUPLOAD_IDLE', ['-U', `${folder}/back`]],
      ['dfuERROR', ['-D', bad]],
    ] as const) {
      const putBack = pullOnceIn(always, [state], pulled);
      const { exit } = await run(log, 'dfu-util', ['-d', '1209:0001', '-a', 'weights', ...args]);
      assert.notEqual(exit, 0, `dfu-util does not notice the unplugging in ${state}`);
      await putBack();
      const again = `${folder}/after-${state}`;
      const { exit: good } = await run(log, 'dfu-util', ['-d', '1209:0001', '-a', 'weights', '-U', again]);
      assert.equal(good, 0, `after ${state}`);
    }
    await always.end();

    const detaching = await LabBoard.plugged(lab, { serial: 'STATES-2', model: 'dot', dfu: 'reset' });
    pulled.push(...(await flashPulledIn(lab, detaching, 'dash', ['appIDLE', 'appDETACH', 'dfuMANIFEST_WAIT_RESET'])));
    assert.equal(new Set(pulled).size, 11, `not each state was met: ${pulled.join(' ')}`);
    return { states: new Set(pulled).size, 'bytes of each flash': modelBytes('red').length };
  },
};

/** One flash, during which the cable is pulled in each of these states. @returns those that were met */
async function flashPulledIn(
  lab: Lab,
  board: LabBoard,
  model: ModelName,
  states: readonly DfuStateName[],
): Promise<DfuStateName[]> {
  const pulled: DfuStateName[] = [];
  const putBack = pullOnceIn(board, states, pulled);
  const running = startMmfree(lab.log, ['flash', modelPath(model), '--board', board.serial]);
  const { exit, error } = asMmfreeRun(await running.ended);
  await putBack();
  assert.equal(exit, 0, `${error.message}: ${error.cause}`);
  assert.equal(board.runs, modelSha256(model));
  return pulled;
}

/** Pulls the cable once in each state. @returns what waits until it is back, and ends that */
function pullOnceIn(board: LabBoard, states: readonly DfuStateName[], pulled: DfuStateName[]): () => Promise<void> {
  let putBack: Promise<unknown> = Promise.resolve();
  board.onTransfer = ({ kind, state }) => {
    if (kind !== 'dfu' || !states.includes(state) || pulled.includes(state)) return;
    pulled.push(state);
    board.pull('cable');
    putBack = board.putBack();
  };
  return async () => {
    board.onTransfer = undefined;
    await putBack;
  };
}
