/** All scenarios, and those of CI. Guests take them in this order: the longest first, those that need all last. */

import type { Scenario } from '../guest/scenario.js';
import { access } from './access.js';
import { flashRunVerify } from './flash-run-verify.js';
import { fpgaBoard } from './fpga-board.js';
import { gadget } from './gadget.js';
import { hostileDevice } from './hostile-device.js';
import { hostileHost } from './hostile-host.js';
import { killed } from './killed.js';
import { pico } from './pico.js';
import { quirkyDevices } from './quirky-devices.js';
import { stockFlash } from './stock-flash.js';
import { stockTools } from './stock-tools.js';
import { twins } from './twins.js';
import { unplugFlash } from './unplug-flash.js';
import { unplugRun } from './unplug-run.js';
import { unplugStates } from './unplug-states.js';

const SCENARIOS: readonly Scenario[] = [
  gadget,
  access,
  flashRunVerify,
  unplugFlash,
  unplugStates,
  hostileDevice,
  quirkyDevices,
  fpgaBoard,
  twins,
  stockFlash,
  unplugRun,
  killed,
  hostileHost,
  stockTools,
  pico,
];

/** What is tried in one process as well, by fake devices and hosts, at more places than here; for CI it takes too long. */
const ONLY_IN_LONG_RUN = new Set<Scenario>([unplugStates, hostileDevice, pico, quirkyDevices, killed, hostileHost]);

/**
 * Those of the given names; all if there are none.
 *
 * @param isQuick if there are none: only those of CI
 * @throws RangeError naming what does not exist
 */
export function selectScenarios(names: readonly string[], isQuick = false): readonly Scenario[] {
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    throw new RangeError(`no scenario is called ${unknown}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  }
  if (names.length > 0) return SCENARIOS.filter(({ name }) => names.includes(name));
  return isQuick ? SCENARIOS.filter((scenario) => !ONLY_IN_LONG_RUN.has(scenario)) : SCENARIOS;
}
