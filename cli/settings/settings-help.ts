/** What the help of a command says of its settings. */

import type { Command } from 'commander';
import { declaredOptions, environmentName, settingName } from './settings.js';

export interface SettingsOrigin {
  /** Of the file; undefined for who has no home. */
  readonly path: string | undefined;
}

/** @param commands with the names by which their settings are called */
export function settingsHelp(
  { path }: SettingsOrigin,
  columns: number,
  ...commands: readonly (readonly [string, Command])[]
): string {
  const names = commands.flatMap(([name, command]) =>
    declaredOptions(command).map(({ key }) => settingName(name, key)),
  );
  const own = commands.flatMap(([, command]) => declaredOptions(command)).filter(({ key }) => !names.includes(key));
  const remark = 'A name has the command in front where it means something else in other commands.';
  const list = (items: readonly string[]): string => wrapped(items.join(', '), columns);
  return [
    'Environment, for options that are not given:',
    list(names.map(environmentName)),
    '',
    `Keys in ${path ?? '$XDG_CONFIG_HOME/mmfree/config.json'}, which count last:`,
    list(names),
    ...(own.length === 0 ? [] : ['', wrapped(remark, columns)]),
  ].join('\n');
}

/** Lines of at most `columns` characters, indented. */
function wrapped(text: string, columns: number): string {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > columns) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
