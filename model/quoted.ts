/** Names out of files that anybody may have made, for messages. */

/** A name from a file, safe to print: at most 80 characters, ASCII only. */
export function quoted(name: string): string {
  const clipped = name.length > 80 ? `${name.slice(0, 77)}...` : name;
  return JSON.stringify(clipped).replaceAll(/[^\x20-\x7e]/g, asEscape);
}

function asEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
