/** What can go wrong with a USB device before anything of its own protocol is said, in words. */

import { sentenceOf } from '../../protocol/errors.js';
import { BoardError, boardAmbiguous } from '../board-error.js';
import type { DeviceNode } from '../device-node.js';

const CHECK_CABLE = 'Check cable and power, then run the same command again: it goes on where it stopped.';

export function usbDenied(name: string, node: DeviceNode, cause?: unknown): BoardError {
  const { path, owner, group, mode } = node;
  if (mode === '') {
    return new BoardError('board-denied', `${name} may not be opened`, {
      reason: `There is no ${path}, as in a container that USB was not passed on to.`,
      fix: 'Give the container /dev/bus/usb (Docker: `--device /dev/bus/usb`), or use the board from outside of it.',
      facts: { board: name, path },
      cause,
    });
  }
  return new BoardError('board-denied', `${name} may not be opened`, {
    reason: `${path} belongs to ${owner}, group ${group}, mode ${mode}, and your user may not write it.`,
    fix: 'Install a rule of udev that lets you, then plug the board in again.',
    variant: 'no-rule',
    facts: { board: name, path, owner, group, mode },
    cause,
  });
}

export function usbBusy(name: string, cause?: unknown): BoardError {
  return new BoardError('board-busy', `${name} is in use`, {
    reason: 'Another program has its USB interface.',
    fix: 'End that program (another mmfree, dfu-util, a virtual machine), or wait for it.',
    facts: { board: name },
    cause,
  });
}

/** @param driver that the kernel has bound */
export function usbWrongDriver(name: string, path: string, interfaceNumber: number, driver: string): BoardError {
  return new BoardError('board-wrong-driver', `${name} is held by another driver`, {
    reason: `The kernel has bound ${driver} to its interface ${interfaceNumber}, which should be free.`,
    fix: `Take it off: \`echo ${path}:1.${interfaceNumber} | sudo tee /sys/bus/usb/drivers/${driver}/unbind\``,
    facts: { board: name, driver, interface: interfaceNumber },
  });
}

/** The board is plugged in, but has no serial port. @param driver that holds its interface, if one does */
export function noSerialPort(
  name: string,
  path: string,
  interfaceNumber: number,
  driver: string | undefined,
): BoardError {
  const held = driver === undefined ? 'No driver has' : `The driver ${driver} has`;
  const take =
    driver === undefined
      ? 'Run `sudo modprobe cdc_acm`, then plug the board in again.'
      : `Take it off (\`echo ${path}:1.${interfaceNumber} | sudo tee /sys/bus/usb/drivers/${driver}/unbind\`), run \`sudo modprobe cdc_acm\`, and plug the board in again.`;
  return new BoardError('board-wrong-driver', `${name} has no serial port`, {
    reason: `${held} its interface ${interfaceNumber}, which is for cdc_acm.`,
    fix: take,
    facts: { board: name, driver: driver ?? '', interface: interfaceNumber },
  });
}

/** Over USB/IP there is no driver for its serial port, and its DFU is none. */
export function programmerOnly(name: string): BoardError {
  return new BoardError('board-not-flashable', `${name} is an FT2232H, maybe an FPGA board`, {
    reason:
      'Its serial port is made by a driver of the computer that it is attached to, and it takes no model over USB.',
    fix: 'Write its flash chip through it; to talk to the FPGA, attach it to this computer (`usbip attach`) and name its serial port.',
    variant: 'ftdi-over-usbip',
    facts: { board: name },
  });
}

export function usbLost(name: string, reason: string, cause?: unknown): BoardError {
  return new BoardError('board-lost', `the connection to ${name} broke`, {
    reason,
    fix: CHECK_CABLE,
    facts: { board: name },
    cause,
  });
}

/** @param limitMs for how long it was waited; USB 2.0, 9.2.6.4, allows 5 s at most */
export function usbSilent(name: string, limitMs: number): BoardError {
  const seconds = limitMs / 1000;
  return new BoardError('board-silent', `${name} does not answer`, {
    reason: `It has not answered a USB request for ${seconds} s (the standard allows 5 s at most).`,
    fix: 'Plug the board in again and repeat the command; if that repeats, its firmware has stopped. A device of another make may erase for seconds inside one request: give it more time.',
    variant: 'no-usb-answer',
    facts: { board: name, seconds },
  });
}

/** @param problem a whole clause */
export function usbBroken(name: string, problem: string, cause?: unknown): BoardError {
  return new BoardError('board-broken', `${name} breaks the USB standards`, {
    reason: sentenceOf(problem),
    fix: 'Plug it in again, on another port and without a hub; if that repeats, report it to whoever made its firmware.',
    facts: { board: name },
    cause,
  });
}

/** What answers in place of a USB/IP server. @param problem a whole clause */
export function usbipBroken(name: string, problem: string): BoardError {
  return new BoardError('board-broken', `${name} breaks the protocol USB/IP`, {
    reason: sentenceOf(problem),
    fix: 'Check host and port; if a USB/IP server is there, report it to whoever made it.',
    facts: { board: name },
  });
}

/** The package `usb` does not load. */
export function usbUnavailable(cause: unknown): BoardError {
  return new BoardError('usb-unavailable', 'this computer gives no access to USB devices', {
    reason: `The package usb does not load (${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)}).`,
    fix: 'Run `npm ci` again on this system; serial ports, tcp: and usbip: boards work without it.',
    cause,
  });
}

/** Several devices could be the one that was reset. @param selectors each of which names one */
export function severalCameBack(name: string, selectors: readonly string[]): BoardError {
  const { fix, facts } = boardAmbiguous(selectors);
  return new BoardError('board-ambiguous', `several boards came back in place of ${name}`, {
    reason: `They are ${selectors.join(', ')}, and nothing tells which of them it is.`,
    fix,
    facts,
  });
}
