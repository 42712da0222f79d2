/** Everything that can be wrong with a command line, in words that teach the right one. */

import type { CommanderError } from 'commander';
import { MmfreeError } from '../protocol/errors.js';

export type UsageErrorCode =
  | 'no-command'
  | 'unknown-command'
  | 'unknown-option'
  | 'missing-argument'
  | 'missing-option'
  | 'missing-value'
  | 'too-many-arguments'
  | 'bad-value'
  /** Options that exclude each other, or need each other. */
  | 'conflicting-options'
  /** The file of settings. */
  | 'bad-configuration'
  | 'usage';

const USELESS = 'This command cannot do anything without it.';

/** A command line that cannot be carried out. */
export class UsageError extends MmfreeError<UsageErrorCode> {}

/**
 * A value that an option or argument does not take.
 *
 * @param name as the user writes it, such as `--seed`
 * @param expected completes "It must be …"
 * @param example a value that works
 */
export function badValue(name: string, text: string, expected: string, example: string): UsageError {
  return new UsageError('bad-value', `${name} is ${JSON.stringify(text)}`, {
    reason: `It must be ${expected}.`,
    fix: `For example: ${name.startsWith('-') ? `${name} ` : ''}${example}`,
    facts: { name, value: text },
  });
}

export function missingOption(flags: string): UsageError {
  return missing('missing-option', flags);
}

/** @param name such as `<text...>` */
export function missingArgument(name: string): UsageError {
  return missing('missing-argument', name);
}

function missing(code: UsageErrorCode, what: string): UsageError {
  return new UsageError(code, `${what} is missing`, { reason: USELESS, fix: `Add ${what}.` });
}

/** @param group the command that was given, if it has commands of its own */
export function noCommand(names: readonly string[], group: string | null): UsageError {
  return new UsageError('no-command', group === null ? 'no command given' : `no command given behind ${group}`, {
    reason: `One of these must say what to do: ${names.join(', ')}.`,
    fix: `Run \`mmfree ${group === null ? '' : `${group} `}--help\` to see what they do.`,
  });
}

/** @param problem a clause */
export function badConfiguration(path: string, problem: string, cause?: unknown): UsageError {
  return new UsageError('bad-configuration', `${path} cannot be used: ${problem}`, {
    reason: 'It is read at every start, and what is wrong in it would only be ignored.',
    fix: 'Mend it, or take it away; `mmfree COMMAND --help` lists the names of the settings of a command.',
    facts: { file: path },
    cause,
  });
}

export function conflictingVolumes(): UsageError {
  return new UsageError('conflicting-options', '--quiet and --verbose exclude each other', {
    reason: 'One says less, the other one more.',
    fix: 'Give one of them.',
  });
}

export function watchWithBoard(): UsageError {
  return new UsageError('conflicting-options', '--watch and --board exclude each other', {
    reason: 'It watches all boards that may come and go; who names one means one that is there.',
    fix: 'Leave one of them out; to wait for one board, `--wait` of the command that uses it.',
  });
}

const REASONS: ReadonlyMap<string, readonly [UsageErrorCode, string]> = new Map([
  ['commander.unknownCommand', ['unknown-command', 'There is no such command.']],
  [
    'commander.unknownOption',
    ['unknown-option', 'There is no such option here; text that begins with - goes behind --.'],
  ],
  ['commander.missingArgument', ['missing-argument', USELESS]],
  ['commander.optionMissingArgument', ['missing-value', 'This option needs a value behind it.']],
  ['commander.excessArguments', ['too-many-arguments', 'Text with spaces must be put in quotes.']],
]);

/**
 * What the parser of the command line says, in our form.
 *
 * @param command the command it was parsing, if known
 * @param options those that it takes, such as `--seed`
 */
export function fromParser(error: CommanderError, command: string | null, options: readonly string[]): UsageError {
  const [code, reason] = REASONS.get(error.code) ?? ['usage', 'The command line cannot be read.'];
  const [first = '', similar] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = begunOption(first, options) ?? similar;
  const help = `Run \`mmfree ${command === null ? '' : `${command} `}--help\` to see what there is.`;
  return new UsageError(code, first.replace(/\.$/, ''), {
    reason,
    fix: suggestion === undefined ? help : `${suggestion.replace(/^\(|\)$/g, '')} ${help}`,
  });
}

/**
 * The parser compares letter by letter, which makes of `--temp` a `--help`; who writes the beginning of an option means
 * that.
 */
function begunOption(message: string, options: readonly string[]): string | undefined {
  const [, begun] = /^unknown option '(--[^'=]+)/.exec(message) ?? [];
  const meant = begun === undefined ? [] : options.filter((option) => option.startsWith(begun));
  return meant.length === 0 ? undefined : `Did you mean ${meant.join(' or ')}?`;
}
