/** All that all commands take: for who explains or completes command lines, not for who runs one. */

import { Command } from 'commander';
import { isGroup, type CommandGroup, type NamedCommand } from './command.js';
import type { DeclaredOption } from './declared-option.js';
import { declareGlobalOptions } from './global-options.js';
import { declaredOptions, settingName } from './settings/settings.js';

/** A command that is declared and never run. */
export interface Declaration {
  /** Such as `gateware flash`; empty for the options of all commands. */
  readonly name: string;
  readonly summary: string;
  readonly command: Command;
}

/** The first one has the options of all commands. Groups have none of their own. */
export async function declareAll(commands: readonly (NamedCommand | CommandGroup)[]): Promise<Declaration[]> {
  const program = new Command();
  declareGlobalOptions(program);
  const declarations: Declaration[] = [{ name: '', summary: '', command: program }];
  const add = async (named: NamedCommand | CommandGroup, group: string): Promise<void> => {
    const name = `${group}${named.name}`;
    if (isGroup(named)) {
      for (const member of named.commands) await add(member, `${name} `);
      return;
    }
    const command = new Command(named.name);
    (await named.load()).declare(command);
    declarations.push({ name, summary: named.summary, command });
  };
  for (const named of commands) await add(named, '');
  return declarations;
}

/** The options of each setting, one for each command that has it. */
export function optionsBySetting(declarations: readonly Declaration[]): Map<string, DeclaredOption[]> {
  const options = new Map<string, DeclaredOption[]>();
  for (const { name, command } of declarations) {
    for (const option of declaredOptions(command)) {
      const setting = settingName(name, option.key);
      options.set(setting, [...(options.get(setting) ?? []), option]);
    }
  }
  return options;
}
