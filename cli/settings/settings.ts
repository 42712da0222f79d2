/**
 * Values of options that come from elsewhere than the command line: the environment, then a file.
 *
 * One name for both: that of the option, with the command in front where it means something else in other commands. It
 * is a key of the file as it is, and `MMFREE_` with it in capitals is a variable of the environment.
 */

import type { Command } from 'commander';
import { DeclaredOption } from '../declared-option.js';

/** A value before it is parsed. */
export interface Setting {
  /** Several for an option that may be repeated. */
  readonly texts: readonly string[];
  /** Where it comes from, for errors. */
  readonly origin: string;
}

/** Where settings come from. */
export interface SettingsLayer {
  /** @param name of the setting @param key of the option */
  find(name: string, key: string): Setting | undefined;
}

/** An option that got its value from a setting. */
export interface AppliedSetting extends Setting {
  readonly option: DeclaredOption;
}

/** Options whose name means something else in another command; a test compares all declarations. */
const OWN_MEANING: ReadonlySet<string> = new Set([
  'chat-load-state',
  'pack-output',
  'read-output',
  'train-output',
  'train-batch',
  'train-shape',
  'train-config',
  'train-tokenizer',
  'train-context',
  'train-steps',
  'train-tokens',
  'train-seed',
  'train-vocab',
  'tokenizer-train-output',
  'tokenizer-train-vocab',
  'pack-dfu',
  'inspect-program',
  'verify-tokens',
  'bench-tokens',
  'bench-threads',
  'virtual-board-image',
  'virtual-board-dfu',
  'firmware-build-output',
  'gateware-build-board',
  'gateware-build-output',
  'gateware-flash-board',
  'gateware-flash-image',
  'gateware-sim-trace',
  'serve-image',
  'serve-board',
  'serve-port',
  'vectors-output',
  'vectors-tokens',
  'vectors-trace',
  'vectors-seed',
]);

/** @param command such as `gateware flash`; empty for options of all commands @param key such as `max-tokens` */
export function settingName(command: string, key: string): string {
  const own = `${command.replaceAll(' ', '-')}-${key}`;
  return OWN_MEANING.has(own) ? own : key;
}

export function environmentName(setting: string): string {
  return `MMFREE_${setting.toUpperCase().replaceAll('-', '_')}`;
}

/** An empty variable is none, as in most programs. */
export function environmentLayer(env: Readonly<Record<string, string | undefined>>): SettingsLayer {
  return {
    find(name) {
      const origin = environmentName(name);
      const text = env[origin] ?? '';
      return text === '' ? undefined : { texts: [text], origin };
    },
  };
}

/** What the command line gave a command that is parsed, for the same command declared anew. */
export function commandLineLayer(command: Command): SettingsLayer {
  const options = new Map(declaredOptions(command).map((option) => [option.key, option]));
  return {
    find(_, key) {
      const option = options.get(key);
      if (option === undefined || !isOnCommandLine(command, option)) return undefined;
      return { texts: option.parse === undefined ? ['true'] : option.given, origin: `--${key}` };
    },
  };
}

/**
 * Gives the options of a command that is parsed what the layers have for those that the command line left open. What a
 * nearer layer gave also sets aside what excludes it.
 *
 * @throws UsageError
 */
export function applySettings(
  command: Command,
  name: string,
  layers: readonly SettingsLayer[],
): readonly AppliedSetting[] {
  const options = declaredOptions(command);
  const decided = new Set(options.filter((option) => isOnCommandLine(command, option)).map(({ key }) => key));
  const applied: AppliedSetting[] = [];
  for (const layer of layers) {
    const open = options.filter(({ key, excludes }) => ![key, ...excludes].some((taken) => decided.has(taken)));
    for (const option of open) {
      const setting = layer.find(settingName(name, option.key), option.key);
      if (setting === undefined) continue;
      acceptSetting(option, setting);
      applied.push({ ...setting, option });
      decided.add(option.key);
    }
  }
  return applied;
}

/** @throws UsageError */
export function acceptSetting(option: DeclaredOption, { texts, origin }: Setting): void {
  for (const text of texts) {
    // As on the command line, where such an option may stand without a value.
    const value = option.optional && text === 'true' ? String(option.presetArg) : text;
    option.accept(value, origin);
  }
}

export function declaredOptions(command: Command): DeclaredOption[] {
  return command.options.filter((option) => option instanceof DeclaredOption);
}

function isOnCommandLine(command: Command, option: DeclaredOption): boolean {
  return command.getOptionValueSource(option.attributeName()) === 'cli';
}
