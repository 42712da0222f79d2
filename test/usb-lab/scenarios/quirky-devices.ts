/**
 * What sound devices do when all of a file is through, each through the kernel: none of it is a failure. What fails
 * (disconnect, STALL, silence), whether the device calls itself manifestation tolerant, and when: each two of the three
 * in every combination. All three, and EPROTO, which a USB/IP server does not send:
 * test/device/dfu/end-of-download.test.ts.
 */

import assert from 'node:assert/strict';

import type { UsbDevice } from '../../../firmware-host/firmware/usb/usb-device.js';
import { LabBoard } from '../guest/lab-board.js';
import { mmfreeExits } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';
import { settle } from '../guest/usb-ports.js';

interface Quirk {
  readonly name: string;
  /** Its answer to a status request behind the end of the file, which it carries out; undefined is STALL. */
  readonly answer: 'nak' | 'gone' | undefined;
  /** Says dfuMANIFEST to the first of them, and answers so from the second on. */
  readonly isInManifest: boolean;
  readonly isTolerant: boolean;
  /** What it says to being asked for the name of its memory. */
  readonly nameAnswer: 'nak' | undefined;
}

const QUIRKS: readonly Quirk[] = [
  { name: 'silent-at-the-end', answer: 'nak', isInManifest: false, isTolerant: true, nameAnswer: 'nak' },
  { name: 'silent-in-manifest', answer: 'nak', isInManifest: true, isTolerant: false, nameAnswer: undefined },
  { name: 'stalls-at-the-end', answer: undefined, isInManifest: false, isTolerant: true, nameAnswer: undefined },
  { name: 'stalls-in-manifest', answer: undefined, isInManifest: true, isTolerant: false, nameAnswer: undefined },
  { name: 'gone-at-the-end', answer: 'gone', isInManifest: false, isTolerant: false, nameAnswer: undefined },
  { name: 'gone-in-manifest', answer: 'gone', isInManifest: true, isTolerant: true, nameAnswer: undefined },
];

const [DNLOAD, GET_STATUS, GET_DESCRIPTOR] = [1, 3, 6];
const CONFIGURATION = 0x0200;
const STRING_WEIGHTS = 0x0304;
/** The kernel asks for 255 bytes, mmfree for 254. */
const OUR_STRING_BYTES = 254;
/** The functional descriptor is the last one, 9 bytes long like that of the setting before it. */
const DESCRIPTOR_BYTES = 9;
const TOLERANT = 4;
/** bStatus OK, bwPollTimeout 10 ms, bState dfuMANIFEST, iString. */
const MANIFEST_STATUS = Uint8Array.of(0, 10, 0, 0, 7, 0);

export const quirkyDevices: Scenario = {
  name: 'quirky-devices',
  expected:
    'failures behind the last byte, names that cannot be read: flashed, exit 0; two memories of a name: exit 11',
  async run(lab) {
    for (const quirk of QUIRKS) await flashed(lab, quirk);
    await ambiguous(lab);
    return { quirks: QUIRKS.length, ambiguous: 1 };
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

function disguiseOf(quirk: Quirk, pull: () => void): (device: UsbDevice) => Partial<UsbDevice> {
  const { answer, isInManifest, isTolerant, nameAnswer } = quirk;
  return (device) => {
    let isEnded = false;
    let statusRequests = 0;
    return {
      control: (setup, data, later) => {
        const { requestType, request, value, length } = setup;
        const isDescriptor = requestType === 0x80 && request === GET_DESCRIPTOR;
        if (isDescriptor && value === STRING_WEIGHTS && length === OUR_STRING_BYTES) return nameAnswer;
        if (isDescriptor && value === CONFIGURATION) return tolerant(device, isTolerant).subarray(0, length);
        const answered = device.control(setup, data, later);
        isEnded ||= requestType === 0x21 && request === DNLOAD && length === 0;
        if (!isEnded || requestType !== 0xa1 || request !== GET_STATUS) return answered;
        if (isInManifest && ++statusRequests === 1) return MANIFEST_STATUS;
        if (answer !== 'gone') return answer;
        pull();
        return 'nak';
      },
    };
  };
}

function tolerant({ descriptors }: UsbDevice, isTolerant: boolean): Uint8Array {
  const bytes = descriptors.configuration;
  const at = bytes.length - DESCRIPTOR_BYTES + 2;
  const others = bytes[at]! & ~TOLERANT;
  return bytes.with(at, isTolerant ? others | TOLERANT : others);
}

/** Two settings with one name: nothing is written. */
async function ambiguous(lab: Lab): Promise<void> {
  const name = 'two-of-a-name';
  const board = await LabBoard.plugged(lab, { serial: name, model: 'dot', disguise: doubled });
  await settle(lab.log);
  const { error } = await mmfreeExits(lab.log, 11, [
    'flash',
    modelPath('dash'),
    '--board',
    name,
    '--dfu-alt',
    'weights',
  ]);
  assert.match(error.cause, /2:0.* 2:\d/);
  assert.equal(board.runs, modelSha256('dot'));
  await board.end();
}

/** A setting more, called like the first; the kernel has read the descriptors before it configures. */
function doubled(device: UsbDevice): Partial<UsbDevice> {
  return {
    control: (setup, data, later) => {
      const { requestType, request, value, length } = setup;
      const isMeant = requestType === 0x80 && request === GET_DESCRIPTOR && value === CONFIGURATION;
      if (!isMeant || device.configuration === 0) return device.control(setup, data, later);
      const bytes = device.descriptors.configuration;
      const functionalAt = bytes.length - DESCRIPTOR_BYTES;
      const setting = bytes.slice(functionalAt - DESCRIPTOR_BYTES, functionalAt);
      setting[3]! += 1;
      setting[8] = STRING_WEIGHTS & 0xff;
      const longer = Uint8Array.of(...bytes.subarray(0, functionalAt), ...setting, ...bytes.subarray(functionalAt));
      new DataView(longer.buffer).setUint16(2, longer.length, true);
      return longer.subarray(0, length);
    },
  };
}
