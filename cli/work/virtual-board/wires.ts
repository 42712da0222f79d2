/** The wires of a board that runs on this computer: a pseudo-terminal, a serial port, the network. */
import { addressText, parseSelector } from '../../../device/selector.js';
import { openError } from '../../../device/transport/serial-transport.js';
import { openPseudoTerminal } from '../../../firmware-host/virtual/wires/pseudo-terminal.js';
import { openSerialWire } from '../../../firmware-host/virtual/wires/serial-port.js';
import { openTcpPort } from '../../../firmware-host/virtual/wires/tcp-port.js';
import { observedWire } from '../../../firmware-host/virtual/wires/observed-wire.js';
import type { Wire } from '../../../firmware-host/virtual/wires/wire.js';
import type { CommandContext } from '../../command.js';
import { badValue, UsageError } from '../../usage-error.js';
import { keyOf } from '../key-file.js';
import { listenAt } from '../listen-address.js';

export interface BoardWiresInput {
  readonly tcp: string | undefined;
  readonly pty: boolean;
  readonly port: string | undefined;
  /** Of the key that hosts on the network must have. */
  readonly keyFile: string | undefined;
  /** Whether everybody on the network may have the board. */
  readonly open: boolean;
}

/**
 * Opens what the user asked for; the selectors by which hosts reach the board.
 *
 * @param isReached whether it is reached in another way, so that it needs no wire
 */
export async function openWires(
  { tcp, pty, port, keyFile, open }: BoardWiresInput,
  isReached: boolean,
  connect: (wire: Wire, key?: Uint8Array) => void,
): Promise<string[]> {
  const addresses: string[] = [];
  const isOnNetwork = tcp !== undefined || !(pty || port !== undefined || isReached);
  if (keyFile !== undefined && !isOnNetwork) throw keyWithoutNetwork();
  const key = keyOf(keyFile);
  if (pty) {
    const terminal = await orExplain(openPseudoTerminal());
    connect(terminal.wire);
    addresses.push(`serial:${terminal.path}`);
  }
  if (port !== undefined) {
    connect(await openPort(port));
    addresses.push(`serial:${port}`);
  }
  if (isOnNetwork) {
    const access = { open, isKeyed: key !== undefined };
    const opened = await listenAt('--tcp', tcp ?? '127.0.0.1:0', access, async (host, number) => {
      return await openTcpPort(host, number, (wire) => connect(wire, key));
    });
    addresses.push(addressText({ kind: 'tcp', host: opened.host, port: opened.port }));
  }
  return addresses;
}

/** The wire itself, or one that is traced too. */
export function watched(wire: Wire, { wires }: CommandContext): Wire {
  return wires === undefined ? wire : observedWire(wire, 'a host', wires);
}

function keyWithoutNetwork(): UsageError {
  return new UsageError('conflicting-options', '--key-file is for boards with --tcp', {
    reason: 'Only hosts on the network are asked for a key.',
    fix: 'Add --tcp, or leave --key-file out.',
  });
}

/** A serial port of this computer as a wire of the board. @throws UsageError; BoardError if it is denied or in use */
async function openPort(text: string): Promise<Wire> {
  const selector = parseSelector(`serial:${text}`);
  const expected = 'a serial port of this computer, with a baud rate if it is not 115200';
  if (selector?.kind !== 'serial') throw badValue('--port', text, expected, '/dev/ttyS0@115200');
  try {
    return await openSerialWire(selector.path, selector.baudRate);
  } catch (cause) {
    const error = openError(selector.path, cause instanceof Error ? cause : new Error(String(cause)));
    if (error.code === 'board-denied' || error.code === 'board-busy') throw error;
    throw badValue('--port', text, `${expected} (${error.reason.replace(/\.$/, '')})`, '/dev/ttyS0@115200');
  }
}

/** Who cannot have a pseudo-terminal can have the network. */
async function orExplain<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (cause) {
    throw new UsageError('conflicting-options', 'this computer opens no pseudo-terminal', {
      reason: `It takes the program script of util-linux (${cause instanceof Error ? cause.message : String(cause)}).`,
      fix: 'Install util-linux (Debian: bsdutils), or leave --pty out and be reached by --tcp.',
      cause,
    });
  }
}
