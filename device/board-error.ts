/** Everything that can go wrong between a host and a board, in words; what a board refuses is in refusal-error.ts. */

import { MmfreeError, sentenceOf } from '../protocol/errors.js';
import type { ErrorDetails } from '../protocol/errors.js';
import { systemFix } from '../protocol/system-error.js';
import type { Hello } from '../protocol/wire/messages-board.js';
import type { HelloResult } from '../protocol/wire/messages.js';
import type { DeviceNode } from './device-node.js';

export type BoardErrorCode =
  /** There is no such port, address or board. */
  | 'board-not-found'
  /** The operating system does not let this user open it. */
  | 'board-denied'
  /** Another program or host holds it, or it is at work for one. */
  | 'board-busy'
  /** Several boards fit. */
  | 'board-ambiguous'
  /** Whatever is there does not speak this protocol, or not this version. */
  | 'board-silent'
  | 'board-other-protocol'
  /** It asks for a key, and none was given. */
  | 'board-wants-key'
  /** The key that was given is not the board's, or the board has not proven that it has it. */
  | 'board-wrong-key'
  /** A key was given, and the board asks for none: it may be another board, or somebody in between. */
  | 'board-without-key'
  /** The connection broke. */
  | 'board-lost'
  /** It breaks again and again, and nothing is done in between. */
  | 'board-flapping'
  /** It sends what the protocol does not allow. */
  | 'board-malformed'
  /** It does not carry out requests of this kind; young firmware may know `RESET` and `STEP` only. */
  | 'board-unknown-request'
  /** It has no request for it. */
  | 'board-cannot-restart'
  | 'board-no-image'
  /** It runs another image than the one that is meant. */
  | 'board-other-image'
  /** It refuses an image, before anything is erased. */
  | 'board-refuses-image'
  | 'board-image-too-large'
  | 'board-model-too-large'
  | 'board-revision-too-old'
  | 'board-not-signed'
  | 'board-signature-wrong'
  /** What it wrote is not what was sent. */
  | 'board-write-failed'
  /** Its flash does not let itself be written. */
  | 'board-write-protected'
  /** It runs the new image, but computes other tokens than the packer. */
  | 'board-wrong-tokens'
  /** The kernel lets another driver have it, or none. */
  | 'board-wrong-driver'
  /** Its descriptors, or its answers to USB requests, break the standard, or it answers none. */
  | 'board-broken'
  /** It is there, but has no DFU function, or not the memory that is meant, or no request for it. */
  | 'board-not-flashable'
  /** A file for another device, by the suffix of the file or by the device's own word. */
  | 'board-other-device'
  /** This computer cannot reach USB devices. */
  | 'usb-unavailable';

/** What it is exactly, where a code has several ways out: the fact `variant`. */
export type BoardErrorVariant =
  // board-not-found
  | 'no-board'
  | 'no-programmer'
  | 'no-usbip-server'
  /** board-denied: a rule of udev would let this user. */
  | 'no-rule'
  /** board-ambiguous: one device has several memories; otherwise there are several boards. */
  | 'several-memories'
  // board-silent
  | 'no-frames'
  | 'no-usb-answer'
  | 'no-flash'
  // board-wrong-key
  | 'key-refused'
  // board-no-image
  | 'nothing-to-start'
  | 'nothing-to-revert-to'
  // board-not-flashable
  | 'computes-only'
  | 'no-dfu'
  | 'dfuse'
  | 'no-such-memory'
  | 'no-download'
  | 'ftdi-over-usbip'
  | 'no-ftdi'
  | 'unknown-flash'
  | 'flash-of-other-make'
  // board-model-too-large
  | 'chip-too-small'
  | 'firmware-too-small'
  // board-refuses-image
  | 'head-damaged'
  // board-write-failed
  | 'flash-differs'
  // board-write-protected
  | 'protection-set'
  | 'write-enable-ignored'
  // board-wrong-tokens: not in the self-test, but in a text that went on
  | 'other-than-before'
  /** board-other-device: the suffix of the file names another one. */
  | 'suffix-of-other-device';

export interface BoardErrorDetails extends ErrorDetails {
  readonly variant?: BoardErrorVariant | undefined;
}

/** An error of a board, or on the way to it. */
export class BoardError extends MmfreeError<BoardErrorCode> {
  constructor(code: BoardErrorCode, message: string, details: BoardErrorDetails) {
    const { variant, facts } = details;
    super(code, message, { ...details, ...(variant && { facts: { ...facts, variant } }) });
  }
}

const LIST_BOARDS = 'Look which boards there are.';
const CHECK_CABLE = 'Check cable and power, then run the same command again.';

function fail(code: BoardErrorCode, message: string, details: BoardErrorDetails): BoardError {
  return new BoardError(code, message, details);
}

// Finding and opening

export function boardNotFound(name: string, reason: string, cause?: unknown, variant?: BoardErrorVariant): BoardError {
  const facts = { board: name };
  return fail('board-not-found', `no board at ${name}`, { reason, fix: LIST_BOARDS, facts, cause, variant });
}

/** This process, or the computer, is short of what it takes. @param cause for which `isShortage` holds */
export function boardNotReached(name: string, cause: unknown): BoardError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return fail('board-not-found', `${name} cannot be opened`, {
    reason: `The operating system refused with ${code}: whether a board is there was not found out.`,
    fix: systemFix(cause) ?? LIST_BOARDS,
    facts: { board: name, system_error: code },
    cause,
  });
}

export function noBoard(): BoardError {
  return fail('board-not-found', 'no board found', {
    reason: 'No board of ours is plugged in, and no virtual board runs.',
    fix: 'Plug one in, name its port, or start a virtual one.',
    variant: 'no-board',
  });
}

/** A serial port. Whoever is in the group of the file may open it, if the mode says so. */
export function boardDenied({ path, owner, group, mode }: DeviceNode, cause?: unknown): BoardError {
  const isForGroup = group !== '' && group !== 'root' && mode.slice(4, 6) === 'rw';
  return fail('board-denied', `${path} may not be opened`, {
    reason:
      mode === ''
        ? 'There is no such file, as in a container that the port was not passed on to, or your user may not see it.'
        : `${path} belongs to ${owner}, group ${group}, mode ${mode}, and your user may not read and write it.`,
    variant: isForGroup || mode === '' ? undefined : 'no-rule',
    fix: isForGroup
      ? `Run \`sudo usermod -aG ${group} $USER\`, then log in again.`
      : mode === ''
        ? `Give the container the port (Docker: \`--device ${path}\`), or use the board from outside of it.`
        : 'Install a rule of udev that lets you, then plug the board in again.',
    facts: { path, owner, group, mode },
    cause,
  });
}

export function networkDenied(name: string, cause: unknown): BoardError {
  return fail('board-denied', `${name} may not be reached`, {
    reason: 'The operating system does not let your user connect to it.',
    fix: 'Look at the rules of the firewall, or of the sandbox that this program runs in.',
    facts: { board: name },
    cause,
  });
}

/** Another program has the port. */
export function portBusy(path: string, cause: unknown): BoardError {
  return fail('board-busy', `${path} is in use`, {
    reason: 'Another program has the port open.',
    fix: `End that program (\`fuser -v ${path}\` names it), or wait for it.`,
    facts: { path },
    cause,
  });
}

/** Another host has a session. */
export function boardHeld(name: string, silentMs: number): BoardError {
  return fail('board-busy', `${name} is in use`, {
    reason: `Another host has a session with it, and was heard ${(silentMs / 1000).toFixed(1)} s ago.`,
    fix: 'End the other program, or wait: 5 s after a host was heard for the last time the board is free again.',
    facts: { board: name, silent_ms: silentMs },
  });
}

export function cannotRestart(name: string): BoardError {
  return fail('board-cannot-restart', `${name} cannot restart by itself`, {
    reason: 'Its firmware does not know the messages restart.1.',
    fix: 'Pull its plug and put it in again; of a virtual board, end its program and start it again.',
    facts: { board: name },
  });
}

/** @param selectors each of which names one board */
export function boardAmbiguous(selectors: readonly string[]): BoardError {
  return fail('board-ambiguous', `${selectors.length} boards fit`, {
    reason: `They are ${selectors.join(', ')}.`,
    fix: `Say which one, for example ${selectors[0] ?? ''}`,
    facts: { boards: selectors.join(' ') },
  });
}

export function boardSilent(name: string): BoardError {
  return fail('board-silent', `${name} does not answer`, {
    reason: 'For 5 s nothing came that is a frame of this protocol.',
    fix: name.startsWith('tcp:')
      ? 'Check that a board listens there, not another program, and that its firmware runs.'
      : 'Check that the firmware runs and that the baud rate is right.',
    variant: 'no-frames',
    facts: { board: name },
  });
}

/** @param board what it calls itself */
export function boardWantsKey(name: string, board: string): BoardError {
  return fail('board-wants-key', `${name} wants a key`, {
    reason: `It calls itself ${board}, and serves only who has its key.`,
    fix: 'Copy the key file that it was started with to this computer, and give its key.',
    facts: { board: name },
  });
}

export function keyRefused(name: string): BoardError {
  return fail('board-wrong-key', `${name} has another key`, {
    reason: 'It refuses the key that was given.',
    fix: 'Give the key that the board was started with.',
    variant: 'key-refused',
    facts: { board: name },
  });
}

export function boardHasOtherKey(name: string): BoardError {
  return fail('board-wrong-key', `${name} does not prove that it has the key`, {
    reason: 'It is another board that only says that it has it, or somebody in between changes what it says.',
    fix: 'Look who listens there; through a network that you do not trust, go by `ssh -L` (docs/guides/network.md).',
    facts: { board: name },
  });
}

export function boardWantsNoKey(name: string): BoardError {
  return fail('board-without-key', `${name} asks for no key`, {
    reason: 'A key was given, so only a board that proves that it has it too is the right one.',
    fix: 'Look who listens there; if it is a board that everybody may use, give no key.',
    facts: { board: name },
  });
}

/** The link is there, but nobody behind it. @param limitMs for how long it was waited for */
export function boardSaysNoHello(name: string, limitMs: number): BoardError {
  return fail('board-silent', `${name} does not say what it is`, {
    reason: `It opened a session (SYN-ACK), but no HELLO came within ${limitMs / 1000} s.`,
    fix: 'If it is still at work on what another program has asked for, try again later; else restart it. A line that loses much looks the same.',
    facts: { board: name, limit_ms: limitMs },
  });
}

/** A HELLO of a board that does not serve this host. */
export function unservedBy(name: string, hello: Exclude<HelloResult, { kind: 'hello' | 'malformed' }>): BoardError {
  const wanted = hello.kind === 'gate' ? hello.gate.capabilities.join(', ') : undefined;
  const protocol = hello.kind === 'gate' ? hello.gate.protocol : hello.protocol;
  return fail('board-other-protocol', `${name} speaks another protocol`, {
    reason:
      wanted === undefined
        ? `Its messages (version ${protocol}) are not those of this program.`
        : `It serves only hosts that know ${wanted}, which this program does not.`,
    fix: 'Install the version of mmfree that belongs to the firmware, or update the firmware.',
    facts: { board: name, protocol, ...(wanted !== undefined && { wanted }) },
  });
}

// During a session

export function boardLost(name: string, reason: string, cause?: unknown): BoardError {
  return fail('board-lost', `the connection to ${name} broke`, {
    reason,
    fix: CHECK_CABLE,
    facts: { board: name },
    cause,
  });
}

/** @param last how it broke the last time */
export function boardFlapping(name: string, losses: number, last: BoardError): BoardError {
  return fail('board-flapping', `the connection to ${name} broke ${losses} times in a row`, {
    reason: `Each time it came back, and nothing new was done before it broke again. The last time: ${last.reason}`,
    fix: 'Restart the board and check cable, power and baud rate; a simulated chip needs a computer that is less busy. Then run the same command again.',
    facts: { board: name, losses },
    cause: last,
  });
}

/** @param problem a whole clause */
export function boardMalformed(name: string, problem: string): BoardError {
  return fail('board-malformed', `${name} breaks the protocol`, {
    reason: sentenceOf(problem),
    fix: 'Report this to whoever made the firmware; docs/PROTOCOL.md and docs/USB.md say what is allowed.',
    facts: { board: name },
  });
}

/** @param limits that the board has told; absent if it said only that it has no image */
export function boardHasNoImage(name: string, limits?: Hello['limits']): BoardError {
  const takes = limits && ` It takes models up to ${limitsText(limits)}.`;
  return fail('board-no-image', `${name} has no model`, {
    reason: `There is no image on it that it can start: none at all, a damaged one, or one of a model that is too large for it.${takes ?? ''}`,
    fix: 'Flash one to it.',
    variant: 'nothing-to-start',
    facts: { board: name, ...(limits && { takes: limitsText(limits) }) },
  });
}

/** Such as `H 256, I 768, L 64, V 65536, 15 MiB`. */
export function limitsText(limits: Hello['limits']): string {
  const { hiddenSize, intermediateSize, layers, vocabSize, imageBytes } = limits;
  const room =
    imageBytes < 2 ** 20 ? `${Math.floor(imageBytes / 1024)} KiB` : `${Math.floor(imageBytes / 2 ** 20)} MiB`;
  return `H ${hiddenSize}, I ${intermediateSize}, L ${layers}, V ${vocabSize}, ${room}`;
}

/** @param problems what of the model there is no room for, at least one */
export function chipTooSmall(chip: string, model: string, problems: readonly string[]): BoardError {
  return fail('board-model-too-large', `${chip} is not made for ${model}`, {
    reason: `${problems.join('; ')}.`,
    fix: 'Use a smaller model, or gateware with other limits (docs/GATEWARE.md, section 2). Nothing was changed.',
    variant: 'chip-too-small',
    facts: { chip, problems: problems.join('; ') },
  });
}

/** @param problems in words, such as `H 512 > 384` */
export function firmwareTooSmall(firmware: string, model: string, problems: readonly string[]): BoardError {
  return fail('board-model-too-large', `${firmware} has no room for ${model}`, {
    reason: `${problems.join('; ')}.`,
    fix: 'Use a smaller model. Nothing was changed.',
    variant: 'firmware-too-small',
    facts: { firmware, problems: problems.join('; ') },
  });
}

/** A board that computes and no more, such as gateware. */
export function notFlashableByProtocol(name: string, cause: unknown): BoardError {
  return fail('board-not-flashable', `${name} cannot be flashed over the protocol`, {
    reason: 'It knows RESET and STEP only, and reads its image from a flash chip that it does not write.',
    fix: 'Write the flash chip of an FPGA board through its programmer; start a simulated one with another image.',
    variant: 'computes-only',
    facts: { board: name },
    cause,
  });
}

/** There is nothing to go back to. */
export function noOtherImage(name: string, slots: number, cause: unknown): BoardError {
  return fail('board-no-image', `${name} has no other image`, {
    reason:
      slots < 2
        ? 'Its flash has room for one image only.'
        : 'The other half of its flash holds none that is whole and computes what its self-test says.',
    fix: 'Flash the one that you want. The image from before still runs.',
    variant: 'nothing-to-revert-to',
    facts: { board: name, slots },
    cause,
  });
}

/** Hashes in hexadecimal. */
export function otherImage(name: string, onBoard: string, expected: string): BoardError {
  return fail('board-other-image', `${name} runs another image`, {
    reason: `Its seal is ${onBoard.slice(0, 16)}…, that of the file ${expected.slice(0, 16)}….`,
    fix: 'Name the file that was flashed, or flash this one.',
    facts: { board: name, board_sha256: onBoard, image_sha256: expected },
  });
}

/** Position counts the tokens of the self-test. */
export function wrongTokens(name: string, position: number, token: number, isReverted: boolean): BoardError {
  return fail('board-wrong-tokens', `${name} computes other tokens than the image demands`, {
    reason: `The receipt of token ${position} of the self-test (id ${token}) differs.`,
    fix: isReverted
      ? 'The image from before runs again. Compare the board with the reference to see in which layer they part.'
      : 'There is no image that it could go back to. Compare the board with the reference to see in which layer they part.',
    facts: { board: name, position, token, reverted: isReverted },
  });
}

/** Behind a state that it was given again. Position counts the tokens of the text. */
export function otherThanBefore(name: string, position: number, token: number): BoardError {
  return fail('board-wrong-tokens', `${name} computes other tokens than before the connection broke`, {
    reason: `It was given its last state again, and the receipt of token ${position} of the text (id ${token}) differs.`,
    fix: 'Compare it with the reference to see whether it computes what its image demands; then begin a new text.',
    variant: 'other-than-before',
    facts: { board: name, position, token },
  });
}

/** The SHA-256 of what the board reads back, in hexadecimal. */
export function readBackDiffers(name: string, onBoard: string, expected: string): BoardError {
  return fail('board-write-failed', `${name} holds other bytes than were sent`, {
    reason: `It reads back sha256 ${onBoard.slice(0, 16)}…, sent was ${expected.slice(0, 16)}….`,
    fix: 'Flash again; if that repeats, the flash chip is worn out.',
    facts: { board: name, board_sha256: onBoard, file_sha256: expected },
  });
}

/** A piece of the image, read back, is another one than was sent. */
export function sampleDiffers(name: string, offset: number): BoardError {
  return fail('board-write-failed', `${name} holds other bytes than were sent`, {
    reason: `They differ in what it reads back from byte ${offset} on.`,
    fix: 'Flash again; if that repeats, the flash chip is worn out.',
    facts: { board: name, offset },
  });
}
