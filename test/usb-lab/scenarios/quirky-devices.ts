/** What sound devices do when all of a file is through, each through the kernel: none of it is a failure. */

import assert from 'node:assert/strict';

import type { SetupPacket } from '../../../firmware-host/firmware/usb/setup-packet.js';
import type { UsbDevice } from '../../../firmware-host/firmware/usb/usb-device.js';
import { LabBoard } from '../guest/lab-board.js';
import { asMmfreeRun, startMmfree } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import type { Running } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';

interface Quirk {
  readonly name: string;
  /** What it answers to a status request behind the end of the file, which it carries out; undefined is STALL. */
  readonly answer: 'nak' | 'gone' | undefined;
  /** Which of them is the first. */
  readonly from: number;
}

const QUIRKS: readonly Quirk[] = [
  { name: 'silent-before-manifest', answer: 'nak', from: 1 },
  { name: 'stall-in-manifest', answer: undefined, from: 2 },
  { name: 'gone-in-manifest', answer: 'gone', from: 2 },
];

const [DNLOAD, GET_STATUS, GET_DESCRIPTOR] = [1, 3, 6];
const STRING_WEIGHTS = 0x0304;
/** The kernel asks for 255 bytes, mmfree for 254. */
const OUR_STRING_BYTES = 254;

export const quirkyDevices: Scenario = {
  name: 'quirky-devices',
  expected: 'silence, STALL and a pulled cable after the last byte, and a name that never comes: flashed, exit 0',
  async run(lab) {
    const attempts: Attempt[] = [];
    for (const quirk of QUIRKS) attempts.push(await begin(lab, quirk));
    for (const attempt of attempts) await end(attempt);
    return { quirks: QUIRKS.length };
  },
};

interface Attempt {
  readonly quirk: Quirk;
  readonly board: LabBoard;
  readonly running: Running;
}

async function begin(lab: Lab, quirk: Quirk): Promise<Attempt> {
  const pull: { now: () => void } = { now: () => {} };
  const board = await LabBoard.plugged(lab, {
    serial: quirk.name,
    model: 'dot',
    disguise: disguiseOf(quirk, () => pull.now()),
  });
  pull.now = (): void => board.pull('cable');
  // By numbers, as the name of the memory cannot be read.
  const work = ['flash', modelPath('dash'), '--board', quirk.name, '--dfu-alt', '2:0'];
  return { quirk, board, running: startMmfree(lab.log, work) };
}

async function end({ quirk: { name }, board, running }: Attempt): Promise<void> {
  const { exit, result } = asMmfreeRun(await running.ended);
  assert.deepEqual([exit, result['end'], result['read_back']], [0, 'restarted', false], name);
  await until(`${name} to run what it got`, () => board.runs === modelSha256('dash'));
  await board.end();
}

function disguiseOf({ answer, from }: Quirk, pull: () => void): (device: UsbDevice) => Partial<UsbDevice> {
  return (device) => {
    let isEnded = false;
    let asked = 0;
    return {
      control: (setup: SetupPacket, data: Uint8Array): Uint8Array | 'nak' | undefined => {
        const { requestType, request, value, length } = setup;
        const isName = requestType === 0x80 && request === GET_DESCRIPTOR && value === STRING_WEIGHTS;
        if (isName && length === OUR_STRING_BYTES) return 'nak';
        const answered = device.control(setup, data);
        isEnded ||= requestType === 0x21 && request === DNLOAD && length === 0;
        if (!isEnded || requestType !== 0xa1 || request !== GET_STATUS || ++asked < from) return answered;
        if (answer !== 'gone') return answer;
        pull();
        return 'nak';
      },
    };
  };
}
