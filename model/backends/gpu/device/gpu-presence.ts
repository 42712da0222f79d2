/**
 * Whether it is worth looking for a GPU, without loading anything: a computer without one must not pay for the
 * question, and WebGPU writes warnings of its own to stderr where it finds no driver.
 *
 * Vulkan's loader and where it looks for drivers: https://github.com/KhronosGroup/Vulkan-Loader,
 * docs/LoaderDriverInterface.md.
 */
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The computer, as far as the question needs it. */
export interface PresenceSystem {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names in a folder; none if it cannot be read. */
  readonly list: (folder: string) => readonly string[];
  /** Whether the dynamic linker finds a library. */
  readonly hasLibrary: (name: string) => boolean;
}

/** Variables that name drivers; the loader looks nowhere else then. */
const DRIVER_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];

/** Why there is no GPU to be expected, completing "no GPU: …"; undefined if there may be one. */
export function whyNoGpu(system: PresenceSystem = thisComputer()): string | undefined {
  const { platform, env, list, hasLibrary } = system;
  if (platform !== 'linux') return undefined;
  const isNamed = DRIVER_VARIABLES.some((name) => (env[name] ?? '') !== '');
  const hasDevice =
    list('/dev').some((name) => name === 'nvidia0' || name === 'dxg') ||
    list('/dev/dri').some((name) => name.startsWith('renderD'));
  if (!isNamed && !hasDevice) return 'the system shows none (/dev/dri/renderD*, /dev/nvidia0)';
  if (!hasLibrary('libvulkan.so.1')) return 'the Vulkan loader is missing (libvulkan.so.1)';
  const hasDriver = isNamed || driverFolders(env).some((folder) => list(folder).some((name) => name.endsWith('.json')));
  return hasDriver ? undefined : 'no Vulkan driver is installed (no file in vulkan/icd.d)';
}

/** Folders in which drivers announce themselves. */
function driverFolders(env: PresenceSystem['env']): string[] {
  const home = env['HOME'] ?? homedir();
  const split = (value: string | undefined, otherwise: string): string[] => (value || otherwise).split(':');
  return [
    ...split(env['XDG_CONFIG_HOME'], join(home, '.config')),
    ...split(env['XDG_CONFIG_DIRS'], '/etc/xdg'),
    '/etc',
    '/usr/local/etc',
    ...split(env['XDG_DATA_HOME'], join(home, '.local/share')),
    ...split(env['XDG_DATA_DIRS'], '/usr/local/share:/usr/share'),
    '/usr/local/share',
    '/usr/share',
  ].map((folder) => join(folder, 'vulkan/icd.d'));
}

function thisComputer(): PresenceSystem {
  return { platform: process.platform, env: process.env, list: namesIn, hasLibrary: linkerFinds };
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Node takes only libraries that are made for it, but says whether it was the linker who refused. */
function linkerFinds(name: string): boolean {
  try {
    process.dlopen({ exports: {} }, name);
    return true;
  } catch (error) {
    return error instanceof Error && error.message.includes('did not self-register');
  }
}
