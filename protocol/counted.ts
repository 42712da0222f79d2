/** A number of things, as people say it. */

/** `counted(1, 'byte')` is `1 byte`, any other number `2 bytes`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}
