/** Where a program listens on the network, and who may reach it there. */
import { lookup } from 'node:dns/promises';
import { BlockList } from 'node:net';
import { badValue, UsageError } from '../usage-error.js';

/** What an address that other computers reach takes. */
export interface NetworkAccess {
  /** `--open`: everybody may. */
  readonly open: boolean;
  /** Whether who comes must have a key; undefined where there is no way to ask for one. */
  readonly isKeyed: boolean | undefined;
}

/**
 * Opens what listens there.
 *
 * @param option as the user writes it, for errors
 * @throws UsageError, also if other computers would reach it and nobody has said that they may
 */
export async function listenAt<T>(
  option: string,
  text: string,
  access: NetworkAccess,
  open: (host: string, port: number) => Promise<T>,
): Promise<T> {
  const { host, number } = parseListen(option, text);
  try {
    const { address, isForOthers } = await resolved(host);
    if (isForOthers && !access.open && access.isKeyed !== true) throw forEverybody(option, text, access);
    return await open(address, number);
  } catch (cause) {
    throw cannotListen(option, text, '127.0.0.1:0', cause);
  }
}

/** Where a host is, and whether other computers reach it. @throws the operating system's error */
export async function resolved(host: string): Promise<{ readonly address: string; readonly isForOthers: boolean }> {
  const { address, family } = await lookup(host);
  return { address, isForOthers: !LOOPBACK.check(address, family === 6 ? 'ipv6' : 'ipv4') };
}

/**
 * What the operating system says, in words; anything else is given back as it is.
 *
 * @param free what takes a free port
 */
export function cannotListen(option: string, text: string, free: string, cause: unknown): unknown {
  if (!(cause instanceof Error && 'code' in cause) || cause instanceof UsageError) return cause;
  return new UsageError('bad-value', `${option} ${text} cannot be listened at`, {
    reason: REASONS.get(String(cause.code)) ?? cause.message,
    fix: `Choose another one, for example ${option} ${free}, which takes a free port.`,
    facts: { name: option, value: text },
    cause,
  });
}

/** Addresses that only programs on this computer reach. */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'Another program listens there.'],
  ['EADDRNOTAVAIL', 'This computer has no such address.'],
  ['EACCES', 'This user may not listen there; ports below 1024 are for root.'],
  ['ENOTFOUND', 'There is no computer of this name.'],
]);

function forEverybody(option: string, text: string, { isKeyed }: NetworkAccess): UsageError {
  return new UsageError('missing-option', `${option} ${text} can be reached from other computers`, {
    reason:
      isKeyed === undefined
        ? 'USB/IP has no way to ask for a key: whoever reaches it has the board.'
        : 'Whoever reaches it has the board, unless he must have its key.',
    fix:
      isKeyed === undefined
        ? `Listen at 127.0.0.1 and go there by \`ssh -L\` (docs/guides/network.md), or say that everybody may: --open`
        : 'Give it a key (`mmfree key -o FILE`, then --key-file FILE), or say that everybody may: --open',
    facts: { name: option, value: text },
  });
}

function parseListen(option: string, text: string): { readonly host: string; readonly number: number } {
  const [, ip, name, portText] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = ip ?? name;
  const number = Number(portText);
  if (host !== undefined && number < 65_536) return { host, number };
  throw badValue(option, text, 'an address of this computer and a port', '127.0.0.1:4711');
}
