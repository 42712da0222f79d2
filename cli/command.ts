/**
 * How a command is declared: its name, what it takes, and where its work is.
 *
 * Names and summaries of all commands are loaded at every start, for the help (commands.ts); what a command takes, when
 * a command line names it; its work, when it runs. So a file with a declaration imports this one and `options.ts`,
 * nothing heavy:
 *
 *   export const inspect = defineCommand({
 *     parameters: { image: argument('<image>', 'the weight image', path) },
 *     load: async () => (await import('./inspect-image.js')).inspectImage,
 *   });
 *
 * and `inspectImage` is `(input: { readonly image: string }, context: CommandContext) => Promise<void>`.
 */

import type { Command } from 'commander';
import type { WireObserver } from '../protocol/wire/frame-trace.js';
import { DeclaredArgument, DeclaredOption, truth, type OptionTraits } from './declared-option.js';
import type { Parser } from './options.js';
import type { Output } from './output.js';
import type { StandardInput } from './standard-input.js';
import { missingOption } from './usage-error.js';

/** What every command gets beside its input. */
export interface CommandContext {
  readonly output: Output;
  readonly stdin: StandardInput;
  /** Sees what goes over the wires of boards, where that is asked for. */
  readonly wires?: WireObserver;
  /** Aborts on Ctrl-C, and when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /**
   * After Ctrl-C the command has so many milliseconds to end by itself, for what must not be lost: half a second unless
   * it asks.
   */
  readonly takeTimeToEnd: (ms: number) => void;
  /** From now on SIGHUP ends nothing: it calls the listener, which reads again what may have changed. */
  readonly onHangUp: (listener: () => void) => void;
  /** At Ctrl-C the listener is asked first: if it says that it has ended something, the command goes on. */
  readonly onInterrupt: (listener: () => boolean) => void;
}

/** Registers itself at a parser and returns what reads its value after parsing. */
export type Parameter<Value> = (command: Command) => () => Value;

/** What the work gets for parameters `P`. */
type Values<P> = { readonly [Key in keyof P]: P[Key] extends Parameter<infer Value> ? Value : never };

/** A command as `runProgram` takes it. */
export interface NamedCommand {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Called when the command line has its name. */
  readonly load: () => Promise<CommandSpec>;
}

/** Commands with one name in front, such as `gateware`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly NamedCommand[];
}

/** What a command does with what it takes. */
export type Work<Input> = (input: Input, context: CommandContext) => Promise<void>;

/** What a command takes, and its work. */
export interface CommandSpec {
  /** Whole command lines, shown in the help. */
  readonly examples: readonly string[];
  /** Adds the parameters to `command`. */
  readonly declare: (command: Command) => Declared;
}

/** What a command becomes that has its parameters. */
export interface Declared {
  /** Their values; one that is missing is an error. @throws UsageError */
  readonly read: () => unknown;
  /**
   * Reads them, loads the work and does it.
   *
   * @param readAgain {@link read} of the same command line, with files of settings as they are then
   */
  readonly run: (context: CommandContext, readAgain: () => Promise<unknown>) => Promise<void>;
}

export function isGroup(command: NamedCommand | CommandGroup): command is CommandGroup {
  return 'commands' in command;
}

/** Ends with exit code 0 when the promise of the work is fulfilled; every failure is an error that it throws. */
export function defineCommand<P extends object>(definition: {
  readonly examples?: readonly string[];
  /**
   * The `Parameter` of each field of the input; arguments in the order of the command line. A tighter bound on `P`
   * would make the compiler infer `unknown` for their values.
   */
  readonly parameters: P;
  readonly load: (
    input: Values<P>,
  ) => Promise<(input: Values<P>, context: CommandContext, readAgain: () => Promise<Values<P>>) => Promise<void>>;
}): CommandSpec {
  const { examples = [], parameters, load } = definition;
  return {
    examples,
    declare: (command) => {
      const readers = Object.entries(parameters as Record<string, Parameter<unknown>>).map(
        ([key, add]) => [key, add(command)] as const,
      );
      // Each field is read by the parameter of its name; what is no parameter has the type `never`.
      const read = (): Values<P> => Object.fromEntries(readers.map(([key, value]) => [key, value()])) as Values<P>;
      return {
        read,
        run: async (context, readAgain) => {
          const input = read();
          const work = await load(input);
          // Reading all of it takes a while, in which a signal may have come.
          context.signal.throwIfAborted();
          await work(input, context, async () => (await readAgain()) as Values<P>);
        },
      };
    },
  };
}

/** @param name in angle brackets, such as `<image>` */
export function argument<Value>(name: string, description: string, parse: Parser<Value>): Parameter<Value> {
  const optional = optionalArgument(name, description, parse);
  return (command) => mandatory(optional(command), name);
}

/** An argument that may be given several times, and must be given once. @param name such as `<text...>` */
export function repeatedArgument<Value>(
  name: string,
  description: string,
  parse: Parser<Value>,
): Parameter<readonly Value[]> {
  return (command) => {
    const values: Value[] = [];
    const parser = (text: string): Value[] => {
      values.push(parse(text, name));
      return values;
    };
    command.addArgument(new DeclaredArgument(name, description, parse).argParser(parser));
    return () => values;
  };
}

/** @param name in square brackets, such as `[prompt]` */
export function optionalArgument<Value>(
  name: string,
  description: string,
  parse: Parser<Value>,
): Parameter<Value | undefined> {
  return (command) => {
    let value: Value | undefined;
    const parser = (text: string): Value => (value = parse(text, name));
    command.addArgument(new DeclaredArgument(name, description, parse).argParser(parser));
    return () => value;
  };
}

/** An option that may be left out. @param flags such as `-o, --output <file>` */
export function option<Value>(
  flags: string,
  description: string,
  parse: Parser<Value>,
  traits: OptionTraits = {},
): Parameter<Value | undefined> {
  return (command) => {
    let value: Value | undefined;
    const accept = (text: string, name: string): void => void (value = parse(text, name));
    command.addOption(new DeclaredOption(flags, description, accept, { ...traits, parse }));
    return () => value;
  };
}

/** An option that must be given. */
export function requiredOption<Value>(flags: string, description: string, parse: Parser<Value>): Parameter<Value> {
  const optional = option(flags, description, parse);
  return (command) => mandatory(optional(command), flags);
}

/** An option that may be left out, or given without a value. @param flags such as `--usbip [host:port]` */
export function optionWithPreset<Value>(
  flags: string,
  description: string,
  parse: Parser<Value>,
  preset: string,
): Parameter<Value | undefined> {
  return (command) => {
    let value: Value | undefined;
    const accept = (text: string, name: string): void => void (value = parse(text, name));
    command.addOption(new DeclaredOption(flags, description, accept, { parse }).preset(preset));
    return () => value;
  };
}

/** An option with a value when it is left out, which the help shows. */
export function optionWithDefault<Value>(
  flags: string,
  description: string,
  parse: Parser<Value>,
  fallback: Value,
  traits: OptionTraits = {},
): Parameter<Value> {
  return (command) => {
    let value = fallback;
    const accept = (text: string, name: string): void => void (value = parse(text, name));
    const declared = new DeclaredOption(flags, description, accept, { ...traits, parse });
    command.addOption(declared.default(fallback, String(fallback)));
    return () => value;
  };
}

/** An option that may be given several times. */
export function repeatedOption<Value>(
  flags: string,
  description: string,
  parse: Parser<Value>,
): Parameter<readonly Value[]> {
  return (command) => {
    const values: Value[] = [];
    const accept = (text: string, name: string): void => void values.push(parse(text, name));
    command.addOption(new DeclaredOption(flags, description, accept, { parse, isRepeatable: true }));
    return () => values;
  };
}

/** An option without a value. */
export function flag(flags: string, description: string, traits: OptionTraits = {}): Parameter<boolean> {
  return (command) => {
    let isSet: boolean | undefined;
    const accept = (text: string, name: string): void => void (isSet = truth(text, name));
    const declared = new DeclaredOption(flags, description, accept, traits);
    command.addOption(declared);
    return () => isSet ?? command.getOptionValue(declared.attributeName()) === true;
  };
}

function mandatory<Value>(read: () => Value | undefined, flags: string): () => Value {
  return () => {
    const value = read();
    if (value === undefined) throw missingOption(flags);
    return value;
  };
}
