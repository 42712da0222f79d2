/** Devices that break the standards, or their word: what `mmfree` makes of them through the kernel. */

import assert from 'node:assert/strict';

import type { SetupPacket } from '../../../firmware-host/usb/setup-packet.js';
import type { UsbDevice } from '../../../firmware-host/usb/usb-device.js';
import { Prng } from '../../oracle/prng.js';
import { LabBoard } from '../guest/lab-board.js';
import { asMmfreeRun, startMmfree } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import type { Running } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';

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
