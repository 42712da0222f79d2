/**
 * Which process a number meant. Numbers come again: after a restart of a container its first process is 1 as before,
 * and what a process that was killed has left there is not the new one's. On Linux a mark tells them apart.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import type { ProcessMark } from '../../protocol/virtual-board-entry.js';

/** Fields of /proc/PID/stat behind the name (proc_pid_stat(5)), counted from there: `state` and `starttime`. */
const STATE = 0;
const START_TIME = 19;

/** @returns undefined of a process that is not there or has ended, and where there is no /proc to tell */
export function processMark(pid: number): ProcessMark | undefined {
  const namespace = processNamespace();
  if (namespace === undefined) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name may hold anything, parentheses too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[STATE], fields[START_TIME]];
    // Killed, and not yet waited for by who started it: its number is still taken.
    return started === undefined || state === 'Z' || state === 'X' ? undefined : { namespace, started };
  } catch {
    return undefined;
  }
}

/** Of this process; undefined where there are none. */
export function processNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}
