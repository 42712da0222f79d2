/** Where a program listens on the network. */
import { badValue, UsageError } from '../../usage-error.js';

/**
 * Opens what listens there.
 *
 * @param option as the user writes it, for errors
 * @throws UsageError
 */
export async function listenAt<T>(
  option: string,
  text: string,
  open: (host: string, port: number) => Promise<T>,
): Promise<T> {
  const { host, number } = parseListen(option, text);
  try {
    return await open(host, number);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    throw new UsageError('bad-value', `${option} ${text} cannot be listened at`, {
      reason: REASONS.get(String(cause.code)) ?? cause.message,
      fix: `Choose another one, for example ${option} 127.0.0.1:0, which takes a free port.`,
      facts: { name: option, value: text },
      cause,
    });
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'Another program listens there.'],
  ['EADDRNOTAVAIL', 'This computer has no such address.'],
  ['EACCES', 'This user may not listen there; ports below 1024 are for root.'],
  ['ENOTFOUND', 'There is no computer of this name.'],
]);

function parseListen(option: string, text: string): { readonly host: string; readonly number: number } {
  const [, ip, name, portText] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = ip ?? name;
  const number = Number(portText);
  if (host !== undefined && number < 65_536) return { host, number };
  throw badValue(option, text, 'an address of this computer and a port', '127.0.0.1:4711');
}
