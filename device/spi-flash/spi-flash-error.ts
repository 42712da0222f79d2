/** Everything that can go wrong between this computer and a flash behind an FT2232H, in words. */

import { sentenceOf } from '../../protocol/errors.js';
import { BoardError } from '../board-error.js';
import type { BoardErrorCode, BoardErrorDetails } from '../board-error.js';

const PLUG_AGAIN = 'Unplug the board and plug it in again; try another cable or port if that repeats.';
const SLOWER = 'try a lower SPI clock';

function fail(code: BoardErrorCode, message: string, details: BoardErrorDetails): BoardError {
  return new BoardError(code, message, details);
}

// The USB device

export function noProgrammer(): BoardError {
  return fail('board-not-found', 'no FPGA board found', {
    reason: 'No device with an FT2232H (0403:6010) or an FT232H (0403:6014) is plugged in.',
    fix: 'Plug one in, or name a USB/IP server that has one.',
    variant: 'no-programmer',
  });
}

export function notAProgrammer(name: string, reason: string): BoardError {
  return fail('board-not-flashable', `${name} is no programmer that is known here`, {
    reason,
    fix: 'Name a board with an FT2232H (0403:6010) or an FT232H (0403:6014), such as an iCEBreaker or an iCEstick.',
    variant: 'no-ftdi',
    facts: { board: name },
  });
}

/** @param doing completes "It has not answered in time while …" */
export function programmerSilent(name: string, doing: string): BoardError {
  return fail('board-silent', `${name} does not answer`, {
    reason: `It has not answered in time while ${doing}.`,
    fix: PLUG_AGAIN,
    facts: { board: name },
  });
}

/** @param problem a whole clause */
export function programmerBroken(name: string, problem: string): BoardError {
  return fail('board-broken', `${name} does not behave like an FT2232H`, {
    reason: sentenceOf(problem),
    fix: PLUG_AGAIN,
    facts: { board: name },
  });
}

// The flash

/** @param jedecId three bytes in hexadecimal, all 00 or all FF */
export function noFlash(name: string, jedecId: string): BoardError {
  return fail('board-silent', `the flash of ${name} does not answer`, {
    reason: `It gives ${jedecId} as its JEDEC identity, which is what a wire without a flash gives.`,
    fix: `Check the power of the board and its jumpers for the flash, and ${SLOWER}.`,
    variant: 'no-flash',
    facts: { board: name, jedec_id: jedecId },
  });
}

export function unknownFlash(name: string, jedecId: string): BoardError {
  return fail('board-not-flashable', `${name} has a flash that is not known here`, {
    reason: `Its JEDEC identity ${jedecId} does not tell its size.`,
    fix: `First ${SLOWER}; if the identity stays the same, report it.`,
    variant: 'unknown-flash',
    facts: { board: name, jedec_id: jedecId },
  });
}

export function flashTooSmall(name: string, endBytes: number, flashBytes: number): BoardError {
  return fail('board-image-too-large', `the flash of ${name} is too small`, {
    reason: `The last byte to be used is ${endBytes - 1}, and ${flashBytes} bytes can be reached.`,
    fix: 'Use a smaller model or a board with more flash; nothing on the board was changed.',
    facts: { board: name, end_bytes: endBytes, flash_bytes: flashBytes },
  });
}

/** Its quad reads are asked for in another way than the gateware does. */
export function flashNotForGateware(name: string, manufacturer: string, jedecId: string): BoardError {
  return fail('board-not-flashable', `the gateware cannot read from the flash of ${name}`, {
    reason: `It is of ${manufacturer} (${jedecId}). The gateware sends 35h at its start, which reads a register of parts of Winbond and GigaDevice, and means something else to others.`,
    fix: 'Use a board with a flash of Winbond or GigaDevice. For gateware of your own, write its bitstream without an image. Nothing on the board was changed.',
    variant: 'flash-of-other-make',
    facts: { board: name, manufacturer, jedec_id: jedecId },
  });
}

/** @param bits their names, separated by spaces @param wasCleared whether clearing them was tried */
export function flashProtected(name: string, bits: string, wasCleared: boolean): BoardError {
  return fail('board-write-protected', `the flash of ${name} is write-protected`, {
    reason: wasCleared
      ? `Its bits ${bits} do not let themselves be cleared: its WP# pin, or a lock bit, holds them.`
      : `Its block-protect bits ${bits} are set.`,
    fix: wasCleared
      ? 'Look in the schematic of the board for what pulls WP# low, or a jumper that does.'
      : 'Clear them (`iceprog -p` does it); nothing on the board was changed.',
    variant: wasCleared ? undefined : 'protection-set',
    facts: { board: name, protection: bits },
  });
}

/** Write enable has no effect. */
export function flashRefusesWrite(name: string, offset: number): BoardError {
  return fail('board-write-protected', `the flash of ${name} does not let itself be written`, {
    reason: `Its write-enable bit stays 0 before byte ${offset}.`,
    fix: `Check its WP# pin and its power, and ${SLOWER}.`,
    variant: 'write-enable-ignored',
    facts: { board: name, offset },
  });
}

export function flashStuck(name: string, what: string, waitedMs: number): BoardError {
  return fail('board-silent', `the flash of ${name} does not finish`, {
    reason: `It has been busy with ${what} for ${(waitedMs / 1000).toFixed(1)} s.`,
    fix: 'Cut the power of the board for a moment and run the same command again; if that repeats, the flash is worn out.',
    facts: { board: name, waited_ms: Math.round(waitedMs) },
  });
}

export function flashDiffers(name: string, offset: number, read: number, wanted: number): BoardError {
  const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
  return fail('board-write-failed', `the flash of ${name} holds other bytes than were written`, {
    reason: `At byte ${offset} it reads ${hex(read)} instead of ${hex(wanted)}.`,
    fix: `Run the same command again, and ${SLOWER}; if that repeats, the flash is worn out.`,
    variant: 'flash-differs',
    facts: { board: name, offset, read, wanted },
  });
}
