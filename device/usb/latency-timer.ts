/**
 * The latency timer of FTDI's serial converters: how long the chip keeps received bytes that do not fill a packet
 * (FTDI AN232B-04). Linux leaves it at 16 ms, so each short answer of a board, such as a token, comes up to 16 ms late.
 */

import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isFtdi } from './ids.js';
import { attribute, namesIn } from './sysfs.js';

/** The shortest that the chip knows: bytes go out with the next frame of USB. */
export const SHORTEST_LATENCY_MS = 1;

export interface LatencyTimer {
  /** Such as `ttyUSB1`. */
  readonly port: string;
  readonly latencyMs: number;
}

/** Of the ports of FT2232H and FT232H. @param sysfs folder with an entry for each serial converter on USB */
export function latencyTimers(sysfs = '/sys/bus/usb-serial/devices'): LatencyTimer[] {
  return namesIn(sysfs)
    .toSorted()
    .flatMap((port) => readTimer(sysfs, port) ?? []);
}

/** Undefined if it is of another chip, has no timer, or goes away meanwhile. */
function readTimer(sysfs: string, port: string): LatencyTimer | undefined {
  try {
    const folder = realpathSync(join(sysfs, port));
    const latencyMs = Number.parseInt(readFileSync(join(folder, 'latency_timer'), 'latin1'), 10);
    // The port is in the folder of the interface, which is in that of the device.
    const device = dirname(dirname(folder));
    const [vendor, product] = ['idVendor', 'idProduct'].map((name) => Number.parseInt(attribute(device, name), 16));
    if (vendor === undefined || product === undefined || !isFtdi({ vendor, product })) return undefined;
    return Number.isNaN(latencyMs) ? undefined : { port, latencyMs };
  } catch {
    return undefined;
  }
}
