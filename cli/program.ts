/**
 * The command line as a whole: parses it, runs one command, and turns however that ends into output and an exit code.
 */

import { Command, CommanderError, Help } from 'commander';
import type { Option } from 'commander';
import { isGroup } from './command.js';
import { configurationPath, isThere } from './settings/configuration-path.js';
import type { CommandContext, CommandGroup, CommandSpec, NamedCommand } from './command.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import { declareGlobalOptions } from './global-options.js';
import { HumanReporter, JsonReporter, printProblem } from './output.js';
import type { Reporter } from './output.js';
import { endedBy, INTERRUPTED, READER_GONE } from './problem.js';
import type { EndingSignal, Problem } from './problem.js';
import {
  applySettings,
  commandLineLayer,
  declaredOptions,
  environmentLayer,
  environmentName,
  settingName,
  type SettingsLayer,
} from './settings/settings.js';
import type { SettingsOrigin } from './settings/settings-help.js';
import { Sink } from './sink.js';
import type { OutputStream } from './sink.js';
import type { StandardInput } from './standard-input.js';
import { fromParser, noCommand } from './usage-error.js';
import { VERSION } from '../protocol/version.js';

type Commands = readonly (NamedCommand | CommandGroup)[];

/** The process, as far as the command line has to do with it. */
export interface Host {
  /** Without the interpreter and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's folder as the operating system knows it, which has none for users that it does not know. */
  readonly home: () => string | undefined;
  readonly stdin: StandardInput;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /**
   * Registers what to do at the first request to end, and how many milliseconds that may take; the next one ends the
   * process. Undefined where the request means something else.
   */
  readonly onInterrupt: (listener: (signal: EndingSignal) => number | undefined) => void;
  /** How long a command may take to end by itself after that, in milliseconds; as long as it likes unless given. */
  readonly graceMs?: number;
  /** Registers what to do with an error that nobody caught. */
  readonly onUncaught: (listener: (error: unknown) => void) => void;
}

/**
 * Runs the command that `host.argv` names. Everything it printed is written when the promise is fulfilled.
 *
 * @returns the exit code; never rejects
 */
export async function runProgram(commands: Commands, host: Host): Promise<ExitCode> {
  const interrupt = new AbortController();
  const uncaught = new Promise<never>((_, reject) => host.onUncaught(reject));
  let endingSignal: EndingSignal = 'SIGINT';
  let graceMs = host.graceMs ?? Infinity;
  let hangUp: (() => void) | undefined;
  let interruptOne = (): boolean => false;
  // What waits for a pipe, a board or a computation that does not end is left where it is.
  const overdue = new Promise<never>((_, reject) => {
    host.onInterrupt((signal) => {
      if (signal === 'SIGHUP' && hangUp !== undefined) {
        hangUp();
        return undefined;
      }
      if (signal === 'SIGINT' && interruptOne()) return undefined;
      endingSignal = signal;
      interrupt.abort();
      if (graceMs < Infinity) setTimeout(() => reject(interrupt.signal.reason as Error), graceMs);
      return graceMs;
    });
  });
  overdue.catch(() => {});

  let lostBy: Error | undefined;
  const stdout = new Sink(host.stdout, (error) => {
    lostBy = error;
    // Nobody would see the rest, so there is no point in working on.
    interrupt.abort();
  });
  const stderr = new Sink(host.stderr);
  const context = { stdout, stderr, env: host.env, now: host.now };
  const name = commandName(commands, host.argv);
  const settings = await findSettings(commands, host);
  const reporter = wantsJson(host.argv, settings.layers)
    ? new JsonReporter(context, { command: name, version: VERSION })
    : new HumanReporter(context);

  let problem: Problem | undefined;
  let stack = '';
  let program: Command | undefined;
  try {
    const takeTimeToEnd = (ms: number): void => void (graceMs = Math.max(graceMs, ms));
    const onHangUp = (listener: () => void): void => void (hangUp = listener);
    const onInterrupt = (listener: () => boolean): void => void (interruptOne = listener);
    const { signal } = interrupt;
    const work = { output: reporter, stdin: host.stdin, signal, takeTimeToEnd, onHangUp, onInterrupt };
    program = await buildProgram(commands, host, work, reporter, stdout, settings);
    await Promise.race([program.parseAsync(host.argv, { from: 'user' }), uncaught, overdue]);
    if (interrupt.signal.aborted) problem = INTERRUPTED;
  } catch (error) {
    if (isHelp(error)) {
      await stdout.flush();
      return EXIT.done;
    }
    problem = await described(error instanceof CommanderError ? asUsageError(error, name, commands, program) : error);
    stack = error instanceof Error ? `${error.stack}\n` : '';
  }

  // When the output was lost, the interruption only follows from that.
  if (problem === INTERRUPTED) problem = (await lossOf(lostBy)) ?? endedBy(endingSignal);
  reporter.finish(problem);
  if (host.env['MMFREE_DEBUG'] !== undefined) stderr.raw(stack);
  await stdout.flush();
  const loss = await lossOf(lostBy);
  if (problem === undefined && loss !== undefined && loss !== READER_GONE) {
    problem = loss;
    printProblem(context, problem);
  }
  await stderr.flush();
  return problem?.exit ?? EXIT.done;
}

/**
 * Not needed for help. A command has it before it begins: with no file descriptor left, it could not be loaded any
 * more.
 */
const describing = async (): Promise<typeof import('./advice/describe-problem.js')> =>
  await import('./advice/describe-problem.js');

async function described(error: unknown, subject?: string): Promise<Problem> {
  const { describeProblem } = await describing();
  return describeProblem(error, subject);
}

/** What it means that the output was lost by this error. */
async function lossOf(error: Error | undefined): Promise<Problem | undefined> {
  if (error === undefined) return undefined;
  return 'code' in error && error.code === 'EPIPE' ? READER_GONE : await described(error, 'the output');
}

async function buildProgram(
  commands: Commands,
  { argv, env, now }: Host,
  context: CommandContext,
  reporter: Reporter,
  stdout: Sink,
  settings: Settings,
): Promise<Command> {
  const program = new Command('mmfree')
    .description(
      'Language models without matrix multiplication, on boards, GPUs and CPUs, with the same bits everywhere.',
    )
    .version(VERSION, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show the help of a command')
    // Lists have names and summaries only: what a command takes need not be loaded for them.
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => command.name(),
      // What an option means without a value is said in its description, in words.
      optionDescription: (option) =>
        new Help().optionDescription(Object.create(option, { presetArg: { value: undefined } }) as Option),
    })
    // Errors come as exceptions and are printed in one place.
    .configureOutput({
      writeOut: (text) => stdout.raw(text),
      writeErr: () => {},
      getOutHelpWidth: () => stdout.columns,
    })
    .exitOverride();
  const volume = declareGlobalOptions(program);
  const add = async (parent: Command, named: NamedCommand | CommandGroup, group = ''): Promise<void> => {
    const name = `${group}${named.name}`;
    const command = parent.command(named.name).description(named.summary);
    // It is neither run nor explained then.
    if (!argv.includes(named.name)) return;
    if (isGroup(named)) {
      for (const member of named.commands) await add(command, member, `${name} `);
      return;
    }
    const [spec, { settingsHelp }] = await Promise.all([named.load(), import('./settings/settings-help.js')]);
    const { examples, declare } = spec;
    if (examples.length > 0)
      command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
    const { run } = declare(command);
    command.addHelpText('after', () => `\n${settingsHelp(settings, stdout.columns, ['', program], [name, command])}`);
    command.action(async () => {
      reporter.begin();
      settings.throwIfBad();
      const applied = applySettings(program, '', settings.layers);
      reporter.setVolume(volume());
      reporter.detail(`mmfree ${VERSION}, Node ${process.version}, ${process.platform} ${process.arch}`);
      const layers = await layersOf(spec, command, name, settings.layers);
      for (const { option, origin, texts } of [...applied, ...applySettings(command, name, layers)]) {
        reporter.detail(`--${option.key} ${texts.join(' ')} (${origin})`);
      }
      // Most users set no variables: what looks at their names is not loaded for them.
      if (Object.keys(env).some((variable) => variable.startsWith(environmentName('')))) {
        const { remarksOnVariables } = await import('./settings/unknown-variables.js');
        const variables = [...variablesOf('', program), ...variablesOf(name, command)];
        for (const remark of await remarksOnVariables(env, variables, commands)) reporter.note(remark);
      }
      await describing();
      const startMs = now();
      await run(context, async () => {
        const fresh = new Command(name);
        const { read } = declare(fresh);
        const current = await layersOf(spec, command, name, settings.layers);
        applySettings(fresh, name, [commandLineLayer(command), ...current]);
        return read();
      });
      reporter.detail(`took ${((now() - startMs) / 1000).toFixed(2)} s, ${mostMegabytes()} MB of memory at most`);
    });
  };
  for (const named of commands) await add(program, named);
  return program;
}

/**
 * With the file of its own that a command may be given: behind the environment, and before the file of all commands.
 */
async function layersOf(
  spec: CommandSpec,
  command: Command,
  name: string,
  layers: readonly SettingsLayer[],
): Promise<readonly SettingsLayer[]> {
  if (!declaredOptions(command).some(({ holdsSettings }) => holdsSettings)) return layers;
  const { ownFileOf } = await import('./settings/settings-file.js');
  const own = await ownFileOf(spec, command, name, layers);
  return own === undefined ? layers : [...layers.slice(0, 1), own, ...layers.slice(1)];
}

/** Of the environment, one for each option. */
function variablesOf(name: string, command: Command): string[] {
  return declaredOptions(command).map(({ key }) => environmentName(settingName(name, key)));
}

/** Known before parsing, because also errors of parsing are printed as JSON. */
function wantsJson(argv: readonly string[], layers: readonly SettingsLayer[]): boolean {
  const end = argv.indexOf('--');
  if (argv.slice(0, end < 0 ? argv.length : end).includes('--json')) return true;
  const [text] = layers.flatMap((layer) => layer.find('json', 'json')?.texts ?? []);
  // Anything else is refused when settings are applied.
  return text === 'true' || text === '1';
}

/** Where settings come from, the nearest first. */
interface Settings extends SettingsOrigin {
  readonly layers: readonly SettingsLayer[];
  /** Tells who runs a command what is wrong with the file; help does without. @throws UsageError; FileError */
  readonly throwIfBad: () => void;
}

async function findSettings(commands: Commands, { env, home }: Host): Promise<Settings> {
  const environment = environmentLayer(env);
  const path = configurationPath(env, home);
  const none = { layers: [environment], path, throwIfBad: (): void => {} };
  if (path === undefined || !isThere(path)) return none;
  try {
    // Most users have no such file: what it takes to check one is not loaded for them.
    const { loadSettingsFile } = await import('./settings/settings-file.js');
    return { ...none, layers: [environment, await loadSettingsFile(path, commands)] };
  } catch (error) {
    return {
      ...none,
      throwIfBad: () => {
        throw error;
      },
    };
  }
}

function mostMegabytes(): string {
  return ((process.resourceUsage().maxRSS * 1024) / 1e6).toFixed(0);
}

/** Such as `flash`, or `gateware flash`; as far as the words name commands. */
function commandName(commands: Commands, argv: readonly string[]): string | null {
  const [word, next] = argv.filter((text) => !text.startsWith('-'));
  const named = commands.find(({ name }) => name === word);
  if (named === undefined || !isGroup(named)) return named?.name ?? null;
  const member = named.commands.find(({ name }) => name === next);
  return member === undefined ? named.name : `${named.name} ${member.name}`;
}

function isHelp(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

function asUsageError(
  error: CommanderError,
  name: string | null,
  commands: Commands,
  program: Command | undefined,
): Error {
  if (error.code !== 'commander.help') return fromParser(error, name, program ? optionsOf(program, name) : []);
  // Without any command the parser would show its help as an error.
  const group = commands.find((command) => command.name === name);
  const choice = group !== undefined && isGroup(group) ? group.commands : commands;
  return noCommand(
    choice.map((command) => command.name),
    name,
  );
}

/** Long names of the options that a command takes, those of all commands included. */
function optionsOf(program: Command, name: string | null): string[] {
  let command: Command | undefined = program;
  const options = [...program.options];
  for (const word of name?.split(' ') ?? []) {
    command = command?.commands.find((candidate) => candidate.name() === word);
    options.push(...(command?.options ?? []));
  }
  return options.flatMap(({ long }) => long ?? []);
}
