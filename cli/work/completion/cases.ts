/** What the scripts for bash and zsh share: functions of the shell that look up what they know of a command line. */
import type { CompletedCommand, Values } from './command-model.js';

/** What stands before a place, such as `run --backend`, and what may stand there. */
type Place = readonly [before: string, values: Values];

/** How a shell writes an assignment's list of words. */
type List = (words: readonly string[]) => string;

/** A function that sets `kind` and `choices` for the place that its two arguments name. */
export function placeFunction(name: string, places: readonly Place[], list: List): string {
  return `${name}() {
  kind=none choices=${list([])}
  case "$1 $2" in
${places.flatMap((place) => caseOf(place, list)).join('\n')}
  esac
}`;
}

/** Behind each option of each command. */
export function optionPlaces(commands: readonly CompletedCommand[]): Place[] {
  return commands.flatMap(({ name, options }) =>
    options.flatMap(({ names, values }) => names.map((option) => [`${name} ${option}`, values] as const)),
  );
}

/** Each argument of each command, by its number. */
export function argumentPlaces(commands: readonly CompletedCommand[]): Place[] {
  return commands.flatMap(({ name, arguments: values }) =>
    values.map((value, number) => [`${name} ${number}`, value] as const),
  );
}

/** For a `case` of "$command/$word": a word that leads to another command. */
export function commandCases(commands: readonly CompletedCommand[]): string {
  const lead = ({ name, members }: CompletedCommand): string[] =>
    members.map(([member]) => `      ${quoted(`${name}/${member}`)}) command=${quoted(`${name} ${member}`.trim())} ;;`);
  return commands.flatMap(lead).join('\n');
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function caseOf([before, values]: Place, list: List): string[] {
  if (values.kind === 'none') return [];
  const choices = values.kind === 'choices' ? ` choices=${list(values.choices)}` : '';
  return [`    ${quoted(before)}) kind=${values.kind}${choices} ;;`];
}
