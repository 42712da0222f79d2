/** What sound devices do when all of a file is through, each through the kernel: none of it is a failure. */

import assert from 'node:assert/strict';

import type { SetupPacket } from '../../../firmware-host/firmware/usb/setup-packet.js';
import type { UsbDevice } from '../../../firmware-host/firmware/usb/usb-device.js';
import { LabBoard } from '../guest/lab-board.js';
import { mmfreeExits } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';
import { settle } from '../guest/usb-ports.js';

interface Quirk {
  readonly name: string;
  /** What it answers to a status request behind the end of the file, which it carries out. */
  readonly answer: 'nak' | 'gone';
}

const QUIRKS: readonly Quirk[] = [
  { name: 'silent-at-the-end', answer: 'nak' },
  { name: 'gone-at-the-end', answer: 'gone' },
];

const [DNLOAD, GET_STATUS, GET_DESCRIPTOR] = [1, 3, 6];
const STRING_WEIGHTS = 0x0304;
/** The kernel asks for 255 bytes, mmfree for 254. */
const OUR_STRING_BYTES = 254;

export const quirkyDevices: Scenario = {
  name: 'quirky-devices',
  expected: 'silence and a pulled cable after the last byte, and a name that never comes: flashed, exit 0',
  async run(lab) {
    for (const quirk of QUIRKS) await flashed(lab, quirk);
    return { quirks: QUIRKS.length };
  },
};

/** One after the other: whoever starts a board keeps the others waiting for its self-test. */
async function flashed(lab: Lab, quirk: Quirk): Promise<void> {
  const { name } = quirk;
  const pull: { now: () => void } = { now: () => {} };
  const disguise = disguiseOf(quirk, () => pull.now());
  const board = await LabBoard.plugged(lab, { serial: name, model: 'dot', disguise });
  pull.now = (): void => board.pull('cable');
  await settle(lab.log);
  // By numbers, as the name of the memory cannot be read.
  const { result } = await mmfreeExits(lab.log, 0, ['flash', modelPath('dash'), '--board', name, '--dfu-alt', '2:0']);
  assert.deepEqual([result['end'], result['read_back']], ['restarted', false], name);
  await until(`${name} to run what it got`, () => board.runs === modelSha256('dash'));
  await board.end();
}

function disguiseOf({ answer }: Quirk, pull: () => void): (device: UsbDevice) => Partial<UsbDevice> {
  return (device) => {
    let isEnded = false;
    return {
      control: (setup: SetupPacket, data: Uint8Array): Uint8Array | 'nak' | undefined => {
        const { requestType, request, value, length } = setup;
        const isName = requestType === 0x80 && request === GET_DESCRIPTOR && value === STRING_WEIGHTS;
        if (isName && length === OUR_STRING_BYTES) return 'nak';
        const answered = device.control(setup, data);
        isEnded ||= requestType === 0x21 && request === DNLOAD && length === 0;
        if (!isEnded || requestType !== 0xa1 || request !== GET_STATUS) return answered;
        if (answer === 'gone') pull();
        return 'nak';
      },
    };
  };
}
