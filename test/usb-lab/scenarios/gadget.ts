/** A Linux computer as a board: the kernel's own USB gadget, behind a controller that is not there (`dummy_hcd`). */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { mmfreeExits, startMmfree, eventsOf } from '../guest/mmfree.js';
import { modelBytes, modelPath } from '../guest/models.js';
import { run, succeed } from '../guest/program.js';
import type { Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';

const SERIAL = 'GADGET-1';
const TOKENS = 20;

export const gadget: Scenario = {
  name: 'gadget',
  expected: 'a board behind the USB gadget of Linux: flash, run, verify, and dfu-util reads the image back',
  async run({ log, folder, isQuick, atEnd }) {
    const flash = ['--flash-file', `${folder}/flash`, '--flash-mib', '1'];
    const board = startMmfree(log, ['virtual-board', '--gadget', '--serial-number', SERIAL, ...flash], {
      silentMs: 600_000,
    });
    atEnd(async () => {
      board.kill('SIGTERM');
      await board.ended;
    });
    await until('the gadget', () => eventsOf(board.stdout()).some(({ type }) => type === 'ready'));

    const { result: flashed } = await mmfreeExits(log, 0, [
      'flash',
      modelPath('red'),
      '--board',
      SERIAL,
      '--wait',
      '10',
    ]);
    assert.equal(flashed['over'], 'DFU');
    const back = `${folder}/back`;
    // Of a gadget of this kernel, dfu-util does not see how long a block may be: docs/USB.md, section 7.
    const upload = ['-S', SERIAL, '-a', 'weights', '-t', '4096', '-U', back];
    await succeed(log, 'dfu-util', ['-d', '1209:0001', ...upload]);
    assert.deepEqual(new Uint8Array(readFileSync(back)), modelBytes('red'));
    // Its end is stalled, of which the board used to die: the kernel says so by an error that Node has no name for.
    const half = `${folder}/half`;
    writeFileSync(half, modelBytes('blue').subarray(0, 100_000));
    const refused = await run(log, 'dfu-util', [
      '-d',
      '1209:0001',
      '-S',
      SERIAL,
      '-a',
      'weights',
      '-t',
      '4096',
      '-D',
      half,
    ]);
    assert.equal(refused.exit, 74);

    const image = ['--board', SERIAL, '--image', modelPath('red')];
    const generation = ['run', ...image, '--check', '--ids', '--max-tokens', '8', '5 6 7'];
    const { result: told } = await mmfreeExits(log, 0, generation);
    const facts = {
      'bytes flashed': Number(flashed['written_bytes']),
      'tokens checked': Number(told['receipts_checked']),
    };
    // To the program a board is a board: `flash-run-verify` does the rest.
    if (isQuick) return facts;
    const { result: verified } = await mmfreeExits(log, 0, ['verify', ...image, '--tokens', String(TOKENS)]);
    assert.equal(verified['mismatches'], 0);
    return { ...facts, 'tokens checked': facts['tokens checked'] + Number(verified['tokens']) };
  },
};
