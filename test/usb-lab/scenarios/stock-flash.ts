/** The stock `dfu-util` flashes a board, and is refused what is wrong. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { LabBoard } from '../guest/lab-board.js';
import { mmfreeExits } from '../guest/mmfree.js';
import { modelBytes, modelPath, modelSha256 } from '../guest/models.js';
import { run, succeed } from '../guest/program.js';
import type { Ended } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { serialPortOf } from '../guest/usb-ports.js';

/** What `dfu-util` says of a good state, and of a file without suffix: no complaints about the board. */
const HARMLESS =
  /No error condition is present|Warning: Invalid DFU suffix signature|A valid DFU suffix will be required/g;
const COMPLAINT = /warning|error|fail|invalid|lost|cannot|unable|can't|couldn't|timed? ?out/i;

export const stockFlash: Scenario = {
  name: 'stock-flash',
  expected:
    'dfu-util -D of a plain image and of a .dfu makes the board run it, -U gives it back byte for byte; what is wrong is refused, and the old model still answers',
  async run(lab) {
    const { log, folder } = lab;
    const board = await LabBoard.plugged(lab, { serial: 'STOCK', model: 'red' });
    let flashed = 0;
    let readBackBytes = 0;
    let refused = 0;

    const dfu = async (...args: string[]): Promise<Ended> =>
      await run(log, 'dfu-util', ['-d', '1209:0001', '-S', board.serial, '-a', 'weights', ...args]);
    const flash = async (path: string, model: 'red' | 'green' | 'blue'): Promise<void> => {
      expectClean(await dfu('-D', path));
      assert.equal(board.runs, modelSha256(model), `the board does not run ${model}`);
      const back = `${folder}/back-${++flashed}`;
      expectClean(await dfu('-U', back));
      assert.deepEqual(new Uint8Array(readFileSync(back)), modelBytes(model), 'what is read back differs');
      readBackBytes += modelBytes(model).length;
    };
    const refuse = async (name: string, content: Uint8Array, status: string): Promise<void> => {
      const path = `${folder}/${name}`;
      writeFileSync(path, content);
      const { exit, stdout, stderr } = await dfu('-D', path);
      assert.notEqual(exit, 0, `${name} is taken`);
      assert.ok(`${stdout}${stderr}`.includes(status), `${name} is refused otherwise than with ${status}`);
      assert.equal(board.runs, modelSha256('blue'), `the board lost its model to ${name}`);
      refused++;
    };

    await flash(modelPath('green'), 'green');
    await flash(await withSuffix(lab, 'blue', '0001'), 'blue');

    // Refused by dfu-util itself, by the suffix.
    await refuse('other-device.dfu', readFileSync(await withSuffix(lab, 'red', '0002')), 'does not match device');
    // By the board: errVERIFY, errTARGET, a stalled end, errADDRESS.
    const red = modelBytes('red');
    await refuse('flipped', changed(red, red.length - 5000), 'status(7)');
    await refuse('flipped-head', changed(red, 40), 'status(1)');
    await refuse('cut', red.subarray(0, red.length - 100), 'Error sending completion packet');
    await refuse('longer', Buffer.concat([red, new Uint8Array(5000)]), 'status(8)');
    await refuse('no-image', new Uint8Array(20_000).fill(0x55), 'status(1)');

    const answer = [
      'run',
      '--board',
      `serial:${await serialPortOf(board.place)}`,
      '--ids',
      '--max-tokens',
      '4',
      '--check',
    ];
    const { result } = await mmfreeExits(log, 0, [...answer, '--image', modelPath('blue'), '5 6 7']);
    return {
      flashes: flashed,
      'bytes read back': readBackBytes,
      refused,
      'tokens of the old model': Number(result['tokens']),
    };
  },
};

function expectClean({ exit, stdout, stderr }: Ended): void {
  const said = `${stdout}${stderr}`.replaceAll(HARMLESS, '');
  assert.equal(exit, 0, said);
  assert.doesNotMatch(said, COMPLAINT);
}

/** A copy of a model with a DFU suffix, which the stock `dfu-suffix` makes. */
async function withSuffix({ log, folder }: Lab, model: 'red' | 'blue', product: string): Promise<string> {
  const path = `${folder}/${model}-${product}.dfu`;
  writeFileSync(path, modelBytes(model));
  await succeed(log, 'dfu-suffix', ['--vid', '1209', '--pid', product, '--add', path]);
  return path;
}

function changed(bytes: Uint8Array, offset: number): Uint8Array {
  const copy = bytes.slice();
  copy[offset]! ^= 1;
  return copy;
}
