/**
 * The udev rule that lets users open boards, and keeps ModemManager away from them: shipped as a file, installed when
 * asked.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../../../model/package-file.js';

const RULE_NAME = '70-mmfree.rules';

/** Where administrators and packages put rules; the first wins. */
const FOLDERS = ['/etc/udev/rules.d', '/run/udev/rules.d', '/usr/lib/udev/rules.d', '/lib/udev/rules.d'];

/** The rule as it is shipped. */
export function ruleText(): string {
  return readFileSync(packageFile(`udev/${RULE_NAME}`), 'utf8');
}

/** Whether the rule is installed as it is shipped. */
export function ruleState(folders: readonly string[] = FOLDERS): {
  readonly state: 'installed' | 'other-version' | 'missing';
  readonly path: string;
} {
  const paths = folders.map((folder) => join(folder, RULE_NAME));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) return { state: 'missing', path: paths[0] ?? '' };
  return { state: readFileSync(path, 'utf8') === ruleText() ? 'installed' : 'other-version', path };
}

/** Writes the rule, whole or not at all. @returns its path @throws the operating system's error */
export function installRule(folder: string = FOLDERS[0] ?? ''): string {
  const path = join(folder, RULE_NAME);
  const unfinished = `${path}.new`;
  mkdirSync(folder, { recursive: true });
  // Not through what someone else may have put there.
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, ruleText(), { mode: 0o644, flag: 'wx' });
  renameSync(unfinished, path);
  return path;
}

/** Commands that have udev read the rule and apply it to boards that are plugged in. */
export const APPLY_COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ['udevadm', 'control', '--reload'],
  ['udevadm', 'trigger', '--action=change', '--subsystem-match=usb', '--subsystem-match=tty'],
];

/** @returns whether all of them worked; without udev they do not, and the rule counts from the next start of udev on */
export function applyRule(): boolean {
  return APPLY_COMMANDS.every(([program, ...args]) => spawnSync(program, args, { stdio: 'ignore' }).status === 0);
}
