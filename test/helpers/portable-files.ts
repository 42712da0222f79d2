/**
 * Which sources a browser must run: those of these rooms, but for what their `tsconfig.node.json` names, which is
 * compiled with Node's types.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

export const PORTABLE_ROOMS = ['protocol', 'model', 'device', 'engine'] as const;

interface Config {
  readonly extends?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** A tsconfig of this project: they hold no comments. */
export function configOf(path: string): Config {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as Config;
}

/** Files and folders of a room that are compiled with Node's types. */
export function needsNode(room: string): readonly string[] {
  const config = `${room}/tsconfig.node.json`;
  return existsSync(join(root, config)) ? (configOf(config).include ?? []) : [];
}

/** @param file its path from the root */
export function isPortable(file: string): boolean {
  const room = PORTABLE_ROOMS.find((name) => file.startsWith(`${name}/`));
  if (room === undefined) return false;
  const others = [...needsNode(room), ...(configOf(`${room}/tsconfig.json`).exclude ?? [])];
  return !others.some((name) => file === `${room}/${name}` || file.startsWith(`${room}/${name}/`));
}

export function portableFiles(): string[] {
  const files = PORTABLE_ROOMS.flatMap((room) => {
    return readdirSync(join(root, room), { recursive: true }).map((name) => posix.join(room, String(name)));
  });
  return files.filter((name) => name.endsWith('.ts') && isPortable(name));
}
