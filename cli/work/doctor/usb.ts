/** Checks of `mmfree doctor` about USB: the package, udev's rule, the user's groups, the kernel's drivers. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { latencyTimers, SHORTEST_LATENCY_MS, type LatencyTimer } from '../../../device/usb/latency-timer.js';
import type { Check, Finding } from './finding.js';
import { ruleState } from './udev-rule.js';

export const USB_CHECKS: readonly Check[] = [
  { name: 'usb', examine: async () => [await usbPackage()] },
  { name: 'udev rule', examine: () => Promise.resolve(onLinux(udevRule)) },
  { name: 'groups', examine: () => Promise.resolve(onLinux(groups)) },
  { name: 'drivers', examine: () => Promise.resolve(onLinux(drivers)) },
  { name: 'latency', examine: () => Promise.resolve(latencyTimers().map(latency)) },
];

const FIX_RULE = 'sudo mmfree doctor --fix';

function onLinux(check: () => Finding): readonly Finding[] {
  return process.platform === 'linux' ? [check()] : [];
}

async function usbPackage(): Promise<Finding> {
  try {
    await import('usb');
    return { state: 'ok', text: 'the package usb works on this system' };
  } catch (cause) {
    return {
      state: 'warn',
      text: `the package usb does not load, so nothing can be flashed over USB: ${cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)}`,
      fix: 'Run `npm ci` again on this system.',
      cause,
    };
  }
}

function udevRule(): Finding {
  const { state, path } = ruleState();
  switch (state) {
    case 'installed':
      return { state: 'ok', text: `${path} lets users open boards, and keeps ModemManager away from them` };
    case 'other-version':
      return { state: 'warn', text: `${path} is of another version of mmfree`, fix: FIX_RULE, cause: undefined };
    case 'missing':
      break;
  }
  const text = `there is no ${path}: only root may open boards, and ModemManager may talk to them`;
  return { state: 'warn', text, fix: FIX_RULE, cause: undefined };
}

/** Who sits at the computer gets access by `uaccess`; who comes over the network needs the group of the rule. */
function groups(): Finding {
  if (process.getuid?.() === 0) return { state: 'ok', text: 'root may open everything' };
  const plugdev = groupId('plugdev');
  if (plugdev === undefined)
    return { state: 'ok', text: 'there is no group plugdev; who sits at this computer needs none' };
  if (process.getgroups?.().includes(plugdev) === true) return { state: 'ok', text: 'you are in the group plugdev' };
  return {
    state: 'warn',
    text: 'you are not in the group plugdev, which everybody needs who does not sit at this computer',
    fix: 'sudo usermod -aG plugdev $USER, then log in again',
    cause: undefined,
  };
}

function groupId(name: string): number | undefined {
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((text) => text.startsWith(`${name}:`));
    return line === undefined ? undefined : Number(line.split(':')[2]);
  } catch {
    return undefined;
  }
}

/** A token of a board is a short answer, which waits for this timer. */
export function latency({ port, latencyMs }: LatencyTimer): Finding {
  const text = `${port} hands on what a board answers after ${latencyMs} ms`;
  if (latencyMs <= SHORTEST_LATENCY_MS) return { state: 'ok', text };
  const fix = `${FIX_RULE} and plug the board in again, or: echo 1 | sudo tee /sys/bus/usb-serial/devices/${port}/latency_timer`;
  return { state: 'warn', text: `${text}, which each token waits for`, fix, cause: undefined };
}

function drivers(): Finding {
  if (existsSync('/sys/bus/usb/drivers/cdc_acm')) return { state: 'ok', text: 'cdc_acm is loaded' };
  if (!existsSync('/sys/bus/usb')) {
    return {
      state: 'warn',
      text: 'this computer shows no USB (a container, or a kernel without it)',
      fix: 'Pass USB on to the container, or use boards by tcp: or usbip:.',
      cause: undefined,
    };
  }
  const folder = `/lib/modules/${release()}`;
  const isThere = ['modules.dep', 'modules.builtin'].some((name) => mentionsDriver(`${folder}/${name}`));
  if (isThere) return { state: 'ok', text: 'cdc_acm is there, and is loaded when a board is plugged in' };
  return {
    state: 'warn',
    text: 'this kernel has no driver cdc_acm, so boards on USB have no serial port',
    fix: 'Install the full kernel of your distribution (Debian: linux-image-amd64 instead of the cloud kernel).',
    cause: undefined,
  };
}

function mentionsDriver(path: string): boolean {
  try {
    return /cdc[-_]acm\.ko/.test(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}
