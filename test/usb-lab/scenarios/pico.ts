/** The firmware for RP2040, the binary itself, before the drivers of Linux and the stock `dfu-util`. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { mmfreeExits } from '../guest/mmfree.js';
import { modelBytes, modelPath, type ModelName } from '../guest/models.js';
import { run, start, succeed } from '../guest/program.js';
import type { Scenario } from '../guest/scenario.js';
import { gone, plugIn, pullOut, serialPortOf } from '../guest/usb-ports.js';

/** This computer, as guests see it (QEMU's user network). */
const HOST = '10.0.2.2';
const BUS_ID = '1-1';
/** In the middle of a download of 240 KB, which takes several seconds of the flash alone. */
const CUT_MS = 3000;
/** The chip is emulated beside the guest: on a busy computer both are slow. */
const PATIENT = { silentMs: 240_000 };
const COMPLAINT = /warning|error|invalid|unrecogni[sz]ed|unknown|couldn't|can't|cannot|missing/i;

export const pico: Scenario = {
  name: 'pico',
  expected:
    'cdc_acm carries a checked run, dfu-util flashes and reads back, lsusb has no complaint; a board whose cable came out in a flash says that it has no model, and takes the next one',
  async run(lab) {
    const { log, folder } = lab;
    const tcpPort = Number(process.env['PICO']);
    let device = await plugIn(log, tcpPort, BUS_ID, HOST);
    let uploads = 0;
    let tokens = 0;
    let bytes = 0;

    const descriptors = await succeed(log, 'lsusb', ['-v', '-d', '1209:0001']);
    assert.doesNotMatch(descriptors, COMPLAINT);
    const dfu = ['-d', '1209:0001', '-a', 'weights'];
    const isRead = async (model: ModelName): Promise<void> => {
      const back = `${folder}/back-${++uploads}`;
      await succeed(log, 'dfu-util', [...dfu, '-U', back]);
      assert.deepEqual(new Uint8Array(readFileSync(back)), modelBytes(model), 'what is read back differs');
      bytes += modelBytes(model).length;
    };
    const isRun = async (model: ModelName): Promise<void> => {
      const port = `serial:${await serialPortOf(device.place)}`;
      const options = ['--board', port, '--image', modelPath(model), '--check', '--ids', '--max-tokens', '8'];
      const { result } = await mmfreeExits(log, 0, ['run', ...options, '1 2 3'], PATIENT);
      tokens += Number(result['receipts_checked']);
    };

    await isRun('dot');
    await succeed(log, 'dfu-util', [...dfu, '-D', modelPath('dash')]);
    await isRead('dash');
    await isRun('dash');

    const flashing = start(log, 'dfu-util', [...dfu, '-D', modelPath('red')]);
    await sleep(CUT_MS);
    await pullOut(log, device);
    assert.notEqual((await flashing.ended).exit, 0, 'the cable came out too late');
    await gone(device.place);
    device = await plugIn(log, tcpPort, BUS_ID, HOST);
    const { exit, stdout, stderr } = await run(log, 'dfu-util', [...dfu, '-U', `${folder}/none`]);
    assert.notEqual(exit, 0, 'half a model is read back');
    assert.match(`${stdout}${stderr}`, /errFIRMWARE|status\(10\)|firmware is corrupt/i);
    const { result } = await mmfreeExits(log, 0, ['flash', modelPath('dot')], PATIENT);
    assert.equal(result['over'], 'DFU');
    await isRead('dot');
    return { flashes: 2, 'cables pulled': 1, 'bytes read back': bytes, 'tokens checked': tokens };
  },
};
