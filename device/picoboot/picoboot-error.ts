/** What can go wrong with the boot ROM of a microcontroller, in words. */

import { BoardError } from '../board-error.js';
import { NOT_PERMITTED, statusText } from './picoboot-protocol.js';
import type { CommandName } from './picoboot-protocol.js';

/** @param code of its status @param address of the flash, if the command has one */
export function commandRefused(name: string, command: CommandName, code: number, address?: number): BoardError {
  const where = address === undefined ? '' : ` at ${hexAddress(address)}`;
  const facts = { board: name, command, status: code, ...(address !== undefined && { address }) };
  if (code === NOT_PERMITTED) {
    return new BoardError('board-write-protected', `${name} does not let its flash be written`, {
      reason: `Its boot ROM forbids ${command}${where} (${statusText(code)}), as an RP2350 does by its fuses or partitions.`,
      fix: 'Use a board that is not locked.',
      facts,
    });
  }
  return new BoardError('board-write-failed', `the boot ROM of ${name} refuses a command`, {
    reason: `It answers ${command}${where} with ${statusText(code)}.`,
    fix: 'Plug the board in again with BOOTSEL held, and repeat the command.',
    facts,
  });
}

/** After all was written. @param sizeBytes that the flash must have */
export function flashDiffers(name: string, address: number, sizeBytes: number): BoardError {
  return new BoardError('board-write-failed', `${name} holds other bytes than were sent`, {
    reason: `Its flash differs from ${hexAddress(address)} on. The board stays in boot mode.`,
    fix: `Repeat the command; if that repeats, its flash is worn out, or has less than ${(sizeBytes / 2 ** 20).toFixed(1)} MiB.`,
    facts: { board: name, address },
  });
}

export function noPicoboot(name: string): BoardError {
  return new BoardError('board-not-flashable', `${name} has no PICOBOOT interface`, {
    reason: 'It is in boot mode with its drive alone.',
    fix: 'Put a file onto its drive instead.',
    facts: { board: name },
  });
}

function hexAddress(address: number): string {
  return `0x${address.toString(16)}`;
}
