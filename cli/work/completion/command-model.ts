/** What a completion must know of the command line, taken from its table. */
import { DeclaredArgument } from '../../declared-option.js';
import { declareAll } from '../../declarations.js';
import { declaredOptions } from '../../settings/settings.js';
import type { CommandGroup, NamedCommand } from '../../command.js';
import type { Parser } from '../../options.js';

/** What may stand behind an option, or as an argument. */
export type Values =
  | { readonly kind: 'none' }
  | { readonly kind: 'text' }
  | { readonly kind: 'path' }
  | { readonly kind: 'choices'; readonly choices: readonly string[] };

export interface CompletedOption {
  /** Such as `-o` and `--output`. */
  readonly names: readonly string[];
  readonly summary: string;
  readonly values: Values;
}

export interface CompletedCommand {
  /** Such as `gateware flash`; empty for what all commands take. */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** In their order. */
  readonly arguments: readonly Values[];
  /** Names behind this one with their summaries; then it is a group, or the program itself. */
  readonly members: readonly (readonly [string, string])[];
}

/** The program first, then every command and group. */
export async function completedCommands(
  commands: readonly (NamedCommand | CommandGroup)[],
): Promise<CompletedCommand[]> {
  const [globals, ...declarations] = await declareAll(commands);
  const ofAll: CompletedOption[] = [
    ...(globals === undefined ? [] : declaredOptions(globals.command).map(optionOf)),
    { names: ['-h', '--help'], summary: 'show help', values: { kind: 'none' } },
  ];
  const group = (
    name: string,
    summary: string,
    members: readonly (NamedCommand | CommandGroup)[],
  ): CompletedCommand => ({
    name,
    summary,
    options: ofAll,
    arguments: [],
    members: members.map((member) => [member.name, member.summary] as const),
  });
  return [
    group('', '', commands),
    ...commands.flatMap((named) => ('commands' in named ? group(named.name, named.summary, named.commands) : [])),
    ...declarations.map(({ name, summary, command }) => ({
      name,
      summary,
      options: [...declaredOptions(command).map(optionOf), ...ofAll],
      arguments: command.registeredArguments.map((argument) =>
        argument instanceof DeclaredArgument ? valuesOf(argument.parse) : { kind: 'text' as const },
      ),
      members: [],
    })),
  ];
}

function optionOf(option: ReturnType<typeof declaredOptions>[number]): CompletedOption {
  const { short, long, description, parse, optional } = option;
  // One that may stand alone is not followed by a value in the next word as a rule.
  const values: Values = optional || parse === undefined ? { kind: 'none' } : valuesOf(parse);
  const names = [short, long].flatMap((name) => name ?? []);
  return { names, summary: description.replace(/[;(].*$/s, '').trim(), values };
}

function valuesOf({ choices, isPath }: Parser<unknown>): Values {
  if (choices !== undefined) return { kind: 'choices', choices };
  return { kind: isPath === true ? 'path' : 'text' };
}
