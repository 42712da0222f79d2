/** The firmware for RP2040 itself, in an emulated Pico behind USB/IP, with the kernel's own driver for serial ports. */

import assert from 'node:assert/strict';
import { asMmfreeRun, eventsOf, mmfreeExits, startMmfree } from '../guest/mmfree.js';
import { modelPath } from '../guest/models.js';
import { succeed } from '../guest/program.js';
import type { Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';
import { gone, plugIn, serialPortOf } from '../guest/usb-ports.js';

const TCP_PORT = 3250;
const TOKENS = 5;
const UNPLUGGINGS = 2;
/** An emulator in an emulator. */
const PATIENT_MS = 600_000;

export const pico: Scenario = {
  name: 'pico',
  expected: 'cdc_acm drives the binary for RP2040: verify, flash, unplugged and replugged; 1,200 baud ends it',
  async run({ log, atEnd }) {
    const options = ['--usbip', `127.0.0.1:${TCP_PORT}`, '--image', modelPath('dot')];
    const board = startMmfree(log, ['virtual-board', '--pico', ...options], { silentMs: PATIENT_MS });
    atEnd(() => board.kill('SIGINT'));
    await until('the board', () => eventsOf(board.stdout()).find(({ type }) => type === 'ready'), PATIENT_MS);

    let { place, port } = await plugIn(log, TCP_PORT, '1-1');
    let serial = await serialPortOf(place);
    const verify = async (name: 'dot' | 'dash'): Promise<void> => {
      const args = ['verify', '--board', `serial:${serial}`, '--image', modelPath(name), '--tokens', String(TOKENS)];
      const { result } = await mmfreeExits(log, 0, args, { silentMs: PATIENT_MS });
      assert.equal(result['mismatches'], 0);
    };
    await verify('dot');
    for (let unplugged = 0; unplugged < UNPLUGGINGS; unplugged++) {
      await succeed(log, 'usbip', ['detach', '--port', String(port)]);
      await gone(place);
      ({ place, port } = await plugIn(log, TCP_PORT, '1-1'));
      serial = await serialPortOf(place);
    }
    await mmfreeExits(log, 0, ['flash', modelPath('dash'), '--board', `serial:${serial}`], { silentMs: PATIENT_MS });
    await verify('dash');

    await succeed(log, 'stty', ['--file', serial, '1200']);
    const { exit, error } = asMmfreeRun(await board.ended);
    assert.equal(exit, 2, error.message);
    return { 'tokens verified': 2 * TOKENS, unpluggings: UNPLUGGINGS, flashes: 1 };
  },
};
