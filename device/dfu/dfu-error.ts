/** What can go wrong with DFU, in words. */

import { sentenceOf } from '../../protocol/errors.js';
import { BoardError } from '../board-error.js';
import type { BoardErrorCode } from '../board-error.js';
import { usbBroken } from '../usb/usb-error.js';
import type { NamedSetting } from './dfu-functions.js';
import { DFU_STATUS_TEXTS, stateName } from './dfu-protocol.js';
import type { DfuStatus } from './dfu-protocol.js';

/** What a setting is known by. */
type SettingName = Pick<NamedSetting, 'interfaceNumber' | 'alternate' | 'name'>;

export function noDfu(name: string): BoardError {
  return new BoardError('board-not-flashable', `${name} cannot be flashed over USB`, {
    reason: 'It has no DFU interface.',
    fix: 'Bring it into its boot loader (often: hold a button while plugging it in), or use the tool of its maker.',
    variant: 'no-dfu',
    facts: { board: name },
  });
}

/** ST's protocol. */
export function isDfuSe(name: string): BoardError {
  return new BoardError('board-not-flashable', `${name} does not speak DFU 1.1`, {
    reason: 'It has the version number 01.1a, ST’s DfuSe, whose downloads are commands with addresses.',
    fix: 'Use a tool for DfuSe, such as `dfu-util -s ADDRESS:leave -D FILE` or STM32CubeProgrammer.',
    variant: 'dfuse',
    facts: { board: name },
  });
}

/** @param settings that there are */
export function noSuchSetting(name: string, wanted: string, settings: readonly SettingName[]): BoardError {
  return new BoardError('board-not-flashable', `${name} has no memory called ${JSON.stringify(wanted)}`, {
    reason: `Its DFU alternate settings (interface:setting) are ${listOf(settings)}.`,
    fix: `Name one of them, for example ${numbersOf(settings[0])}`,
    variant: 'no-such-memory',
    facts: { board: name, wanted, settings: settings.map(numbersOf).join(' ') },
  });
}

/** @param settings that fit */
export function severalSettings(name: string, settings: readonly SettingName[]): BoardError {
  return new BoardError('board-ambiguous', `${name} has ${settings.length} memories that are meant`, {
    reason: `The DFU alternate settings (interface:setting) that fit are ${listOf(settings)}.`,
    fix: `Say which one, for example ${numbersOf(settings[0])}`,
    variant: 'several-memories',
    facts: { board: name, settings: settings.map(numbersOf).join(' ') },
  });
}

export function statusRefused(name: string): BoardError {
  return usbBroken(name, 'it refuses to tell its DFU status, also after a reset');
}

export function staysWaiting(name: string): BoardError {
  return usbBroken(name, 'it was reset, and still waits for a reset (dfuMANIFEST-WAIT-RESET)');
}

/** It may be the host's fault: a reset that comes too late leads back to the application (A.2.2). */
export function staysInApplication(name: string): BoardError {
  return new BoardError('board-lost', `${name} does not come to DFU mode`, {
    reason: 'It offers DFU, was asked twice to go to DFU mode, and runs its application again.',
    fix: 'Repeat the command, or bring it into its boot loader by hand (often: hold a button while plugging it in).',
    facts: { board: name },
  });
}

export function cannotDownload(name: string): BoardError {
  return new BoardError('board-not-flashable', `${name} takes no files`, {
    reason: 'Its DFU functional descriptor says that it cannot download.',
    fix: 'Use the tool of its maker.',
    variant: 'no-download',
    facts: { board: name },
  });
}

/** The IDs in the suffix of a file are those of another device. */
export function otherDevice(name: string, file: string, device: string): BoardError {
  return new BoardError('board-other-device', `the file is not meant for ${name}`, {
    reason: `Its DFU suffix says ${file}; the board is ${device}.`,
    fix: 'Name the board that it is for, or make a file for this one; nothing on the board was changed.',
    variant: 'suffix-of-other-device',
    facts: { board: name, file_ids: file, board_ids: device },
  });
}

interface Advice {
  readonly code: BoardErrorCode;
  readonly fix: string;
}

const WRONG_TARGET: Advice = {
  code: 'board-other-device',
  fix: 'Get the file that is made for this device and this memory.',
};
const WRONG_FILE: Advice = { code: 'board-refuses-image', fix: 'Check the file; get it again from whoever made it.' };
const WORN_OUT: Advice = {
  code: 'board-write-failed',
  fix: 'Flash again; if that repeats, its memory is worn out or write-protected.',
};
const TOO_LONG: Advice = { code: 'board-image-too-large', fix: 'Use a smaller file, or a device with more memory.' };
const TRUNCATED: Advice = { code: 'board-refuses-image', fix: 'Check that the file is whole.' };
const INTERRUPTED: Advice = { code: 'board-lost', fix: 'Check cable and power, then run the same command again.' };
const UNKNOWN: Advice = {
  code: 'board-write-failed',
  fix: 'Plug the board in again and repeat the command; if that does not help, ask the maker of its firmware.',
};

/** By `bStatus`. */
const ADVICE: readonly Advice[] = [
  UNKNOWN,
  WRONG_TARGET,
  WRONG_FILE,
  WORN_OUT,
  WORN_OUT,
  WORN_OUT,
  WORN_OUT,
  WORN_OUT,
  TOO_LONG,
  TRUNCATED,
  UNKNOWN,
  UNKNOWN,
  INTERRUPTED,
  INTERRUPTED,
  UNKNOWN,
  UNKNOWN,
];

/**
 * A status other than OK, or a state that ends the work.
 *
 * @param during completes "while …"
 * @param text what the device itself says of it (`iString`), if anything
 */
export function dfuFailed(name: string, { status, state }: DfuStatus, during: string, text = ''): BoardError {
  const [statusName, meaning] = DFU_STATUS_TEXTS[status] ?? ['errUNKNOWN', 'it does not know what went wrong'];
  const { code, fix } = ADVICE[status] ?? UNKNOWN;
  const words = text === '' ? '' : ` It says: ${JSON.stringify(text)}.`;
  return new BoardError(code, `${name} reports ${statusName} while ${during}`, {
    reason: `${sentenceOf(meaning)}${words}`,
    fix,
    facts: { board: name, dfu_status: status, dfu_status_name: statusName, dfu_state: stateName(state) },
  });
}

/** It keeps saying that it is busy. */
export function dfuStuck(name: string, { state }: DfuStatus, during: string, seconds: number): BoardError {
  return new BoardError('board-broken', `${name} makes no progress while ${during}`, {
    reason: `For ${seconds} s it has been in the state ${stateName(state)}.`,
    fix: 'Plug the board in again and repeat the command; if that repeats, its memory or its firmware is broken.',
    facts: { board: name, dfu_state: stateName(state), seconds },
  });
}

function listOf(settings: readonly SettingName[]): string {
  const texts = settings.map((setting) =>
    setting.name === '' ? numbersOf(setting) : `${numbersOf(setting)} ${JSON.stringify(setting.name)}`,
  );
  return texts.join(', ');
}

/** What `--dfu-alt` takes. */
function numbersOf(setting: SettingName | undefined): string {
  return setting === undefined ? '0' : `${setting.interfaceNumber}:${setting.alternate}`;
}
