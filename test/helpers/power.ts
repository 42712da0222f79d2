/** Power cuts as values. */

import { PowerLost } from '../../firmware-host/firmware/flash/power-cut.js';

/** Whether the power went while something happened. Any other error fails the test. */
export function isCut(happens: () => unknown): boolean {
  try {
    happens();
    return false;
  } catch (error) {
    if (error instanceof PowerLost) return true;
    throw error;
  }
}
