/**
 * The file of settings: `$XDG_CONFIG_HOME/mmfree/config.json`, an object whose keys are those of settings.ts. All of it is
 * checked whichever command runs, so that a mistake is not found months later.
 */

import { readRegular } from '../../model/files/input-file.js';
import type { CommandGroup, NamedCommand } from '../command.js';
import { declareAll, optionsBySetting } from '../declarations.js';
import type { DeclaredOption } from '../declared-option.js';
import { acceptSetting, type Setting, type SettingsLayer } from './settings.js';
import { badConfiguration, badValue } from '../usage-error.js';

const MAX_BYTES = 2 ** 20;

/** @param commands whose options there are settings for @throws UsageError; FileError */
export async function loadSettingsFile(
  path: string,
  commands: readonly (NamedCommand | CommandGroup)[],
): Promise<SettingsLayer> {
  const options = optionsBySetting(await declareAll(commands));
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
  return { find: (name) => settings.get(name) };
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

/** Numbers and text for options with a value, true and false for those without, lists for those that may be repeated. */
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
