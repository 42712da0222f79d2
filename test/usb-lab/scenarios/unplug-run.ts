/** The cable, or the power, of a board goes while it generates. */

import assert from 'node:assert/strict';
import { LabBoard } from '../guest/lab-board.js';
import { asMmfreeRun, startMmfree } from '../guest/mmfree.js';
import { expectedTale, modelSha256, TALE, TALE_TOKENS, toldTokens } from '../guest/models.js';
import type { Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';

/** After so many tokens. */
const PULLS = [
  { tokens: 3, what: 'cable' },
  { tokens: 40, what: 'power' },
  { tokens: 90, what: 'cable' },
] as const;

export const unplugRun: Scenario = {
  name: 'unplug-run',
  expected:
    'unplugged while it generates and replugged: the generation goes on at its index, with the tokens of the reference',
  async run(lab) {
    const twin = await LabBoard.plugged(lab, { serial: 'OTHER', model: 'red' });
    const board = await LabBoard.plugged(lab, { serial: 'TELLER', model: 'red' });
    const running = startMmfree(lab.log, ['run', '--board', board.serial, ...TALE]);
    const over = running.ended.then(() => true);
    let interrupted = 0;
    for (const { tokens, what } of PULLS) {
      const isOver = await Promise.race([
        over,
        until(`${tokens} tokens`, () => running.stdout().split('"token"').length > tokens).then(() => false),
      ]);
      if (isOver) break;
      interrupted++;
      board.pull(what);
      await board.putBack();
    }
    const { exit, error } = asMmfreeRun(await running.ended);
    assert.equal(exit, 0, `${error.message}: ${error.cause}`);
    assert.equal(interrupted, PULLS.length, 'it was through before the last unplugging');
    const { stdout } = await running.ended;
    assert.deepEqual(
      toldTokens(stdout),
      expectedTale(),
      'tokens, indices or receipts are others than the reference has',
    );
    assert.ok(stdout.split('Looking for it').length > PULLS.length, 'it did not notice each unplugging');
    assert.equal(twin.runs, modelSha256('red'));
    return { unpluggings: interrupted, 'tokens as the reference': TALE_TOKENS };
  },
};
