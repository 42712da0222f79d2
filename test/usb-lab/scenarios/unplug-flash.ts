/** The cable, or the power, of a board goes at any point of a flash. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Prng } from '../../oracle/prng.js';
import { LabBoard } from '../guest/lab-board.js';
import type { Transfer } from '../guest/lab-board.js';
import { asMmfreeRun, startMmfree } from '../guest/mmfree.js';
import { modelBytes, modelPath, modelSha256, MODELS } from '../guest/models.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { serialPortOf } from '../guest/usb-ports.js';

/** Points at which the cable is pulled, while the flash goes over DFU and over the serial port. */
const POINTS = { dfu: 14, serial: 6 } as const;
const FEW_POINTS = { dfu: 2, serial: 1 } as const;
/** Transfers from one to the next, at most. */
const GAP = { dfu: 24, serial: 30 } as const;
const SEED = 20_240_604;

export const unplugFlash: Scenario = {
  name: 'unplug-flash',
  expected:
    'unplugged at random points of a flash and replugged: it resumes, with the same SHA-256, and no other board is written to',
  async run(lab) {
    const bystander = await LabBoard.plugged(lab, { serial: 'BYSTANDER', model: 'dot' });
    const board = await LabBoard.plugged(lab, { serial: 'PULLED', model: 'dot' });
    const { flashOperations } = bystander;
    const random = new Prng(SEED);
    const points = lab.isQuick ? FEW_POINTS : POINTS;
    const overDfu = await pulledFlashes(lab, board, 'dfu', points.dfu, random);
    const overSerial = await pulledFlashes(lab, board, 'serial', points.serial, random);
    assert.equal(bystander.flashOperations, flashOperations, 'the other board was written to');
    assert.equal(bystander.runs, modelSha256('dot'));
    return {
      'points of a DFU flash': points.dfu,
      'points of a serial flash': points.serial,
      flashes: overDfu.flashes + overSerial.flashes,
      'bytes kept by resuming': overDfu.keptBytes + overSerial.keptBytes,
      'writes to another board': bystander.flashOperations - flashOperations,
    };
  },
};

/** Flashes one model after the other, until the cable was pulled often enough. */
async function pulledFlashes(
  lab: Lab,
  board: LabBoard,
  kind: Transfer['kind'],
  points: number,
  random: Prng,
): Promise<{ flashes: number; keptBytes: number }> {
  let pulled = 0;
  let keptBytes = 0;
  for (let flashes = 0; ; flashes++) {
    if (pulled === points) return { flashes, keptBytes };
    const model = MODELS.find((name) => modelSha256(name) !== board.runs) ?? 'red';
    const { place } = board;
    const selector = kind === 'dfu' ? board.serial : `serial:${await serialPortOf(place)}`;
    let putBack: Promise<unknown> = Promise.resolve();
    let left = random.between(1, GAP[kind]);
    board.onTransfer = (transfer) => {
      if (transfer.kind !== kind || pulled === points || --left > 0) return;
      left = random.between(1, GAP[kind]);
      pulled++;
      board.pull(random.next() % 2 === 0 ? 'cable' : 'power');
      putBack = board.putBack();
    };
    const running = startMmfree(lab.log, ['flash', modelPath(model), '--board', selector]);
    const { exit, result, error } = asMmfreeRun(await running.ended);
    board.onTransfer = undefined;
    await putBack;
    assert.equal(exit, 0, `flash over ${kind}: ${error.message}: ${error.cause}`);
    assert.equal(result['sha256'], createHash('sha256').update(modelBytes(model)).digest('hex'));
    assert.equal(board.runs, modelSha256(model), 'the board runs another model');
    assert.equal(board.place, place, 'it came back in another port');
    keptBytes += Number(result['kept_bytes']);
  }
}
