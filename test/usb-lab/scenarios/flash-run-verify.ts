/** The whole job with our own command line: flash over DFU and over the serial protocol, generate, verify. */

import assert from 'node:assert/strict';
import { LabBoard } from '../guest/lab-board.js';
import { mmfreeExits } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import type { Scenario } from '../guest/scenario.js';
import { serialPortOf } from '../guest/usb-ports.js';

/** In CI few: `unplug-run` has many go through the same port, and that tokens are right is tried without a guest. */
const TOKENS = 200;
const FEW_TOKENS = 40;

export const flashRunVerify: Scenario = {
  name: 'flash-run-verify',
  expected: 'mmfree flash, then run and verify through /dev/ttyACM: bit-exact over every token',
  async run(lab) {
    const { log } = lab;
    const tokens = lab.isQuick ? FEW_TOKENS : TOKENS;
    const board = await LabBoard.plugged(lab, { serial: 'FLASH-1' });
    const port = `serial:${await serialPortOf(board.place)}`;

    const { result: flashed } = await mmfreeExits(log, 0, ['flash', modelPath('red')]);
    assert.equal(flashed['over'], 'DFU');
    assert.equal(flashed['outcome'], 'flashed');
    assert.equal(board.runs, modelSha256('red'));

    const checked = ['run', '--board', port, '--check', '--image', modelPath('red')];
    const { result: told } = await mmfreeExits(log, 0, [...checked, '--ids', '--max-tokens', '20', '5 6 7']);
    const verify = ['verify', '--image', modelPath('red'), '--tokens', String(tokens)];
    const { result: verified } = await mmfreeExits(log, 0, [...verify, '--board', board.serial]);
    assert.equal(verified['mismatches'], 0);
    assert.ok(Number(verified['tokens']) >= tokens);

    // Through the serial port, for hosts that have nothing else.
    const { result: overSerial } = await mmfreeExits(log, 0, ['flash', modelPath('green'), '--board', port]);
    assert.equal(overSerial['over'], 'serial protocol');
    assert.equal(board.runs, modelSha256('green'));
    return {
      flashes: 2,
      'bytes written': Number(flashed['written_bytes']) + Number(overSerial['written_bytes']),
      'tokens checked': Number(told['receipts_checked']) + Number(verified['tokens']),
    };
  },
};
