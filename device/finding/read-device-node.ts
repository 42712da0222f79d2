/** Looks at a device file, and at who may open it. */

import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import type { DeviceNode } from '../device-node.js';

/** @param etc folder with `passwd` and `group` */
export function deviceNode(path: string, etc = '/etc'): DeviceNode {
  try {
    const { uid, gid, mode } = statSync(path);
    return {
      path,
      mayOpen: mayOpen(path),
      owner: nameOfId(`${etc}/passwd`, uid),
      group: nameOfId(`${etc}/group`, gid),
      mode: modeText(mode),
    };
  } catch {
    return { path, mayOpen: mayOpen(path), owner: '', group: '', mode: '' };
  }
}

function mayOpen(path: string): boolean {
  // Ports are no files there.
  if (process.platform === 'win32') return true;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** From a file with lines `name:x:id:…`. */
function nameOfId(path: string, id: number): string {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    const line = lines.find((text) => text.split(':')[2] === String(id));
    return line?.split(':')[0] ?? String(id);
  } catch {
    return String(id);
  }
}

function modeText(mode: number): string {
  const kind = (mode & constants.S_IFMT) === constants.S_IFCHR ? 'c' : '-';
  const bits = Array.from('rwxrwxrwx', (letter, index) => ((mode >> (8 - index)) & 1 ? letter : '-'));
  return kind + bits.join('');
}
