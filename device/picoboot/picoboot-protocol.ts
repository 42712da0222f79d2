/**
 * PICOBOOT, what the boot ROM of an RP2040 or RP2350 takes over USB in boot mode (data sheets: RP2040, 2.8.5; RP2350,
 * 5.6): a command of 32 bytes on a bulk endpoint, its data, if it has any, and an empty packet the other way. What the
 * ROM refuses it stalls; GET_COMMAND_STATUS says why.
 */

/** Commands by number; bit 7 says that their data goes to the host. */
export const COMMAND = {
  exclusiveAccess: 0x01,
  reboot: 0x02,
  flashErase: 0x03,
  read: 0x84,
  write: 0x05,
  exitXip: 0x06,
  /** Instead of `reboot`, of the RP2350. */
  reboot2: 0x0a,
} as const;

export type CommandName = keyof typeof COMMAND;

/** Requests to the interface. */
export const CONTROL = { reset: 0x41, status: 0x42 } as const;

/** `bExclusive`: nothing comes over the drive meanwhile. */
export const EXCLUSIVE = 1;

const COMMAND_BYTES = 32;
export const STATUS_BYTES = 16;
/** Least that is erased, and least that is written. */
export const SECTOR_BYTES = 4096;
export const PAGE_BYTES = 256;

const MAGIC = 0x431f_d10b;
const ARGUMENTS_AT = 16;
const TO_HOST = 0x80;

const STATUS = [
  'OK',
  'UNKNOWN_CMD',
  'INVALID_CMD_LENGTH',
  'INVALID_TRANSFER_LENGTH',
  'INVALID_ADDRESS',
  'BAD_ALIGNMENT',
  'INTERLEAVED_WRITE',
  'REBOOTING',
  'UNKNOWN_ERROR',
  'INVALID_STATE',
  'NOT_PERMITTED',
  'INVALID_ARG',
  'BUFFER_TOO_SMALL',
  'PRECONDITION_NOT_MET',
  'MODIFIED_DATA',
  'INVALID_DATA',
  'NOT_FOUND',
  'UNSUPPORTED_MODIFICATION',
] as const;

/** Of an RP2350 that takes nothing over this way, by fuses of its own. */
export const NOT_PERMITTED = STATUS.indexOf('NOT_PERMITTED');

export interface Command {
  /** Comes back in the status. */
  readonly token: number;
  readonly name: CommandName;
  readonly arguments: Uint8Array;
  /** Of the data, in either direction. */
  readonly transferLength: number;
}

export interface CommandStatus {
  readonly token: number;
  readonly code: number;
  readonly command: number;
  readonly isInProgress: boolean;
}

export function encodeCommand(command: Command): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(COMMAND_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, command.token, true);
  view.setUint8(8, COMMAND[command.name]);
  view.setUint8(9, command.arguments.length);
  view.setUint32(12, command.transferLength, true);
  bytes.set(command.arguments, ARGUMENTS_AT);
  return bytes;
}

/** Words of 32 bits as arguments. */
export function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(4 * index, value, true));
  return bytes;
}

/** Undefined if there are not 16 bytes. */
export function decodeStatus(bytes: Uint8Array): CommandStatus | undefined {
  if (bytes.length !== STATUS_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    token: view.getUint32(0, true),
    code: view.getUint32(4, true),
    command: view.getUint8(8),
    isInProgress: view.getUint8(9) !== 0,
  };
}

export function statusText(code: number): string {
  return STATUS[code] ?? `status ${code}`;
}

export function isToHost(name: CommandName): boolean {
  return (COMMAND[name] & TO_HOST) !== 0;
}
