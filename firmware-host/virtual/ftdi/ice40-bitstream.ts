/**
 * Whether an iCE40 starts from what it finds in its flash. Project IceStorm, "Bitstream file format"; Lattice TN1248.
 *
 * The FPGA skips everything up to the preamble, then takes commands: four bits of opcode, four bits of length, a
 * payload. Data for the configuration memory lies between; a CRC covers all of it, and only what comes behind a good
 * one counts.
 */

const PREAMBLE = [0x7e, 0xaa, 0x99, 0x7e] as const;

const OPCODE = { control: 0, crc: 2, width: 6, height: 7, options: 9 } as const;
const CONTROL = { writeLogic: 1, writeMemory: 3, resetCrc: 5, wakeUp: 6, reboot: 8 } as const;
/** Of the options: the flash is not sent to sleep afterwards (`icepack -s`). */
const NO_SLEEP = 1;
/** Behind the data of a bank. */
const BANK_END_BYTES = 2;

/** CRC-16-CCITT. */
const CRC_START = 0xffff;
const CRC_POLYNOMIAL = 0x1021;

export interface Configured {
  /** That the FPGA has read until it started. */
  readonly readBytes: number;
  /** Whether it sends the flash to sleep then, as it does unless the bitstream says otherwise. */
  readonly sendsToSleep: boolean;
}

/** @param flash from the address on at which the FPGA begins to read @returns undefined if it does not start */
export function configure(flash: Uint8Array): Configured | undefined {
  let at = indexOf(flash, PREAMBLE);
  if (at < 0) return undefined;
  at += PREAMBLE.length;
  let [crc, width, height] = [CRC_START, 0, 0];
  let [isChecked, sendsToSleep] = [false, true];
  while (at < flash.length) {
    const head = flash[at]!;
    const end = at + 1 + (head & 0x0f);
    if (end > flash.length) return undefined;
    const payload = flash.subarray(at + 1, end).reduce((value, byte) => value * 256 + byte, 0);
    crc = crcOf(flash.subarray(at, end), crc);
    at = end;
    switch (head >> 4) {
      case OPCODE.width:
        width = payload + 1;
        break;
      case OPCODE.height:
        height = payload;
        break;
      case OPCODE.options:
        sendsToSleep = (payload & NO_SLEEP) === 0;
        break;
      case OPCODE.crc:
        // A CRC over data and its own CRC is 0.
        if (crc !== 0) return undefined;
        isChecked = true;
        break;
      case OPCODE.control:
        if (payload === CONTROL.wakeUp) return isChecked ? { readBytes: at, sendsToSleep } : undefined;
        if (payload === CONTROL.resetCrc) crc = CRC_START;
        if (payload === CONTROL.writeLogic || payload === CONTROL.writeMemory) {
          const dataEnd = at + (width * height) / 8 + BANK_END_BYTES;
          if (!Number.isInteger(dataEnd) || dataEnd > flash.length) return undefined;
          crc = crcOf(flash.subarray(at, dataEnd), crc);
          at = dataEnd;
        } else if (payload === CONTROL.reboot) {
          return undefined;
        }
        break;
      default:
        // Banks, offsets, the speed of the oscillator, where to boot from.
        break;
    }
  }
  return undefined;
}

function crcOf(bytes: Uint8Array, start: number): number {
  let crc = start;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x8000) !== 0 ? CRC_POLYNOMIAL : 0)) & 0xffff;
  }
  return crc;
}

function indexOf(bytes: Uint8Array, wanted: readonly number[]): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(Uint8Array.from(wanted));
}
