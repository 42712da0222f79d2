/** Devices that break the standards, or their word: what `mmfree` makes of them through the kernel. */

import assert from 'node:assert/strict';

import type { SetupPacket } from '../../../firmware-host/firmware/usb/setup-packet.js';
import type { UsbDevice } from '../../../firmware-host/firmware/usb/usb-device.js';
import { Prng } from '../../oracle/prng.js';
import { LabBoard } from '../guest/lab-board.js';
import { asMmfreeRun, startMmfree } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import type { Running } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';

interface Trick {
  readonly name: string;
  /** What the user is told. */
  readonly code: string;
  readonly exit: number;
  readonly disguise: (device: UsbDevice) => Partial<UsbDevice>;
  /** Generates instead of flashing. */
  readonly runs?: boolean;
}

const CONFIGURATION = 2;
const BROKEN = { code: 'board-broken', exit: 17 };
const [DNLOAD, GET_STATUS] = [1, 3];
const STATE = { idle: 2, busy: 4, error: 10 };
const HELLO = 0x80;

/** A device that is told apart only after the kernel has taken it for a good one. */
const TRICKS: readonly Trick[] = [
  { name: 'configuration cut short', ...BROKEN, disguise: configuration((bytes) => bytes.subarray(0, 50)) },
  { name: 'descriptor of length 0', ...BROKEN, disguise: configuration((bytes) => bytes.with(9, 0)) },
  {
    name: 'descriptor beyond the end',
    ...BROKEN,
    disguise: configuration((bytes) => bytes.with(bytes.length - 9, 255)),
  },
  {
    name: 'blocks of 0 bytes',
    ...BROKEN,
    disguise: configuration((bytes) => bytes.with(bytes.length - 4, 0).with(bytes.length - 3, 0)),
  },
  { name: 'status that does not exist', ...BROKEN, disguise: status(() => [0x77, 0, 0, 0, STATE.idle, 0]) },
  { name: 'error that is never cleared', ...BROKEN, disguise: status(() => [0x0e, 0, 0, 0, STATE.error, 0]) },
  { name: 'HELLO of garbage', code: 'board-malformed', exit: 8, disguise: hello(Uint8Array.of(0xa1, 0xff, 0, 1, 2)) },
  {
    name: 'silence',
    code: 'board-silent',
    exit: 10,
    disguise: control(({ requestType }) => (requestType === 0xa1 ? 'nak' : undefined)),
  },
  { name: 'serial port of garbage', code: 'board-silent', exit: 10, runs: true, disguise: chatter },
];

/** They wait for a deadline without progress, so they wait together, and while the others are tried. */
const ENDLESS: readonly Trick[] = [
  { name: 'busy for ever', ...BROKEN, disguise: busyAfterBlock([0xe8, 3, 0]) },
  { name: 'busy for hours, it says', ...BROKEN, disguise: busyAfterBlock([0xff, 0xff, 0xff]) },
];

/** Longer than any deadline, on a slow machine. */
const BOUND_S = 150;

export const hostileDevice: Scenario = {
  name: 'hostile-device',
  expected:
    'descriptors and answers that lie, endless busy, garbage, silence: a clear error in bounded time, and no crash',
  async run(lab) {
    const waiting: Attempt[] = [];
    for (const trick of ENDLESS) {
      const attempt = await begin(lab, trick);
      await until('a flash', () => attempt.running.stdout().includes('"progress"'));
      waiting.push(attempt);
    }
    for (const trick of TRICKS) await end(await begin(lab, trick));
    for (const attempt of waiting) await end(attempt);
    return { tricks: TRICKS.length, 'endless tricks': waiting.length };
  },
};

interface Attempt {
  readonly trick: Trick;
  readonly board: LabBoard;
  readonly running: Running;
}

async function begin(lab: Lab, trick: Trick): Promise<Attempt> {
  const { name, disguise, runs = false } = trick;
  const serial = name.replaceAll(/\W+/g, '-');
  const board = await LabBoard.plugged(lab, { serial, model: 'dot', disguise });
  const work = runs ? ['run', '--ids', '--max-tokens', '1'] : ['flash', modelPath('dash')];
  const running = startMmfree(lab.log, [...work, '--board', serial], { silentMs: 1000 * BOUND_S });
  return { trick, board, running };
}

async function end({ trick: { name, code, exit }, board, running }: Attempt): Promise<void> {
  const { error, seconds, ...run } = asMmfreeRun(await running.ended);
  assert.deepEqual([error.code, run.exit], [code, exit], `${name}: ${error.message}: ${error.cause}`);
  assert.ok(seconds < BOUND_S, `${name}: it took ${seconds} s`);
  assert.equal(board.runs, modelSha256('dot'), name);
  await board.end();
}

/** Answers some control requests otherwise. @param answer undefined for those that are left as they are */
function control(
  answer: (setup: SetupPacket, device: UsbDevice) => Uint8Array | 'nak' | undefined,
): (device: UsbDevice) => Partial<UsbDevice> {
  return (device) => ({
    control: (setup, data, later) => {
      const lie = answer(setup, device);
      return lie instanceof Uint8Array ? lie.subarray(0, setup.length) : (lie ?? device.control(setup, data, later));
    },
  });
}

/** Changes the configuration descriptor, but not for the kernel, which has read it before it configures. */
function configuration(change: (bytes: Uint8Array) => Uint8Array): (device: UsbDevice) => Partial<UsbDevice> {
  return control(({ requestType, request, value }, device) => {
    const isMeant = requestType === 0x80 && request === 6 && value >> 8 === CONFIGURATION && device.configuration !== 0;
    return isMeant ? change(device.descriptors.configuration) : undefined;
  });
}

function status(answer: () => readonly number[]): (device: UsbDevice) => Partial<UsbDevice> {
  return control(({ requestType, request }) =>
    requestType === 0xa1 && request === GET_STATUS ? Uint8Array.from(answer()) : undefined,
  );
}

function busyAfterBlock(pollTimeout: readonly number[]): (device: UsbDevice) => Partial<UsbDevice> {
  let isBusy = false;
  return control(({ requestType, request }) => {
    if (requestType === 0x21 && request === DNLOAD) isBusy = true;
    const isAsked = isBusy && requestType === 0xa1 && request === GET_STATUS;
    return isAsked ? Uint8Array.of(0, ...pollTimeout, STATE.busy, 0) : undefined;
  });
}

function hello(bytes: Uint8Array): (device: UsbDevice) => Partial<UsbDevice> {
  return control(({ requestType, request }) => (requestType === 0xc1 && request === HELLO ? bytes : undefined));
}

/** Sends bytes without end, none of which is a frame. */
function chatter(device: UsbDevice): Partial<UsbDevice> {
  const random = new Prng(1);
  return {
    read: (endpoint, length) =>
      endpoint === 0x82
        ? Uint8Array.from({ length: Math.min(length, 64) }, () => random.next() & 0xff)
        : device.read(endpoint, length),
  };
}
