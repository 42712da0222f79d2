/** Text for a terminal, which would break its lines anywhere: broken between words. */

/** A command, to be copied: it stays in one piece. */
const COMMAND = /`[^`]*`/g;

/**
 * @param indent what goes on in a new line begins so far from the left; nothing before it is broken
 * @returns lines of at most `columns` characters, where the words allow it
 */
export function wrapped(text: string, columns: number, indent: number): string {
  return text
    .split('\n')
    .map((line) => wrappedLine(line, columns, indent))
    .join('\n');
}

function wrappedLine(line: string, columns: number, indent: number): string {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > columns) {
    const breaks = breaksOf(rest).filter((at) => at > indent);
    const at = breaks.findLast((one) => one <= columns) ?? breaks[0];
    if (at === undefined) break;
    lines.push(rest.slice(0, at));
    rest = `${' '.repeat(indent)}${rest.slice(at + 1)}`;
  }
  return [...lines, rest].join('\n');
}

/** Where there is a blank between words, and not inside of a command. */
function breaksOf(line: string): number[] {
  const commands = Array.from(line.matchAll(COMMAND), ({ index, 0: { length } }) => [index, index + length] as const);
  return Array.from(line.matchAll(/(?<=\S) (?=\S)/g), ({ index }) => index).filter(
    (at) => !commands.some(([start, end]) => at > start && at < end),
  );
}
