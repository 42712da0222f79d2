/** Where a program listens on the network. */
import { badValue } from '../usage-error.js';

/** @param option as the user writes it, for the error @throws UsageError */
export function parseListen(option: string, text: string): { readonly host: string; readonly number: number } {
  const [, ip, name, portText] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = ip ?? name;
  const number = Number(portText);
  if (host !== undefined && number < 65_536) return { host, number };
  throw badValue(option, text, 'an address of this computer and a port', '127.0.0.1:4711');
}
