/**
 * The file of settings: `$XDG_CONFIG_HOME/mmfree/config.json`, an object whose keys are those of settings.ts. All of it
 * is checked whichever command runs, so that a mistake is not found months later. A command may have a file of its own,
 * whose keys are its options.
 */

import { readRegular } from '../../model/files/input-file.js';
import type { CommandGroup, CommandSpec, NamedCommand } from '../command.js';
import { declareAll, optionsBySetting } from '../declarations.js';
import { Command } from 'commander';
import type { DeclaredOption } from '../declared-option.js';
import { acceptSetting, declaredOptions, settingName, type Setting, type SettingsLayer } from './settings.js';
import { badConfiguration, badValue } from '../usage-error.js';

const MAX_BYTES = 2 ** 20;

/** @param commands whose options there are settings for @throws UsageError; FileError */
export async function loadSettingsFile(
  path: string,
  commands: readonly (NamedCommand | CommandGroup)[],
): Promise<SettingsLayer> {
  const settings = await readSettings(path, optionsBySetting(await declareAll(commands)));
  return { find: (name) => settings.get(name) };
}

/**
 * The file of its own that a command is given, on the command line or in one of these layers; undefined without one.
 *
 * @param command that is parsed @throws UsageError; FileError
 */
export async function ownFileOf(
  { declare }: CommandSpec,
  command: Command,
  name: string,
  layers: readonly SettingsLayer[],
): Promise<SettingsLayer | undefined> {
  const holder = declaredOptions(command).find(({ holdsSettings }) => holdsSettings);
  if (holder === undefined) return undefined;
  const { key, given } = holder;
  const settings = layers.map((layer) => layer.find(settingName(name, key), key)?.texts);
  const path = [given, ...settings].find((texts) => texts !== undefined && texts.length > 0)?.at(-1);
  if (path === undefined) return undefined;
  // Checked by options that nobody reads: some are set aside by the command line.
  const checked = new Command();
  declare(checked);
  const options = declaredOptions(checked).filter(({ holdsSettings }) => !holdsSettings);
  const found = await readSettings(path, new Map(options.map((option) => [option.key, [option]])));
  return { find: (_, optionKey) => found.get(optionKey) };
}

/** @param options for each key that may be there @throws UsageError; FileError */
async function readSettings(
  path: string,
  options: ReadonlyMap<string, readonly DeclaredOption[]>,
): Promise<Map<string, Setting>> {
  const settings = new Map<string, Setting>();
  for (const [key, value] of Object.entries(await readObject(path))) {
    const meant = options.get(key) ?? [];
    const origin = `${path}: ${JSON.stringify(key)}`;
    const [first] = meant;
    if (first === undefined) throw badConfiguration(path, `there is no setting ${JSON.stringify(key)}`);
    const setting = { texts: textsOf(value, first, origin), origin };
    // Some commands take more than others.
    if (!meant.some((option) => takes(option, setting))) acceptSetting(first, setting);
    settings.set(key, setting);
  }
  return settings;
}

function takes(option: DeclaredOption, setting: Setting): boolean {
  try {
    acceptSetting(option, setting);
    return true;
  } catch {
    return false;
  }
}

async function readObject(path: string): Promise<object> {
  const text = new TextDecoder().decode(await readRegular(path, { limitBytes: MAX_BYTES }));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badConfiguration(path, `it is not JSON (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw badConfiguration(path, 'it is not a JSON object');
}

/**
 * Numbers and text for options with a value, true and false for those without, lists for those that may be repeated.
 */
function textsOf(value: unknown, option: DeclaredOption, origin: string): string[] {
  const values: readonly unknown[] = Array.isArray(value) && option.isRepeatable ? value : [value];
  return values.map((item) => {
    const isSwitch = option.parse === undefined || option.optional;
    const fits = typeof item === 'string' || typeof item === 'number' || (typeof item === 'boolean' && isSwitch);
    if (fits) return String(item);
    const expected = isSwitch ? 'true or false' : option.isRepeatable ? 'text, or a list of texts' : 'text or a number';
    throw badValue(origin, JSON.stringify(value), expected, isSwitch ? 'true' : '"text"');
  });
}
