/** All scenarios. Guests take them in this order, so the longest come first. */

import type { Scenario } from '../guest/scenario.js';
import { access } from './access.js';
import { flashRunVerify } from './flash-run-verify.js';
import { fpgaBoard } from './fpga-board.js';
import { gadget } from './gadget.js';
import { hostileDevice } from './hostile-device.js';
import { hostileHost } from './hostile-host.js';
import { killed } from './killed.js';
import { quirkyDevices } from './quirky-devices.js';
import { stockFlash } from './stock-flash.js';
import { stockTools } from './stock-tools.js';
import { twins } from './twins.js';
import { unplugFlash } from './unplug-flash.js';
import { unplugRun } from './unplug-run.js';
import { unplugStates } from './unplug-states.js';

const SCENARIOS: readonly Scenario[] = [
  hostileDevice,
  unplugFlash,
  unplugStates,
  access,
  killed,
  fpgaBoard,
  gadget,
  flashRunVerify,
  unplugRun,
  twins,
  quirkyDevices,
  hostileHost,
  stockFlash,
  stockTools,
];

/** Those of the given names; all if there are none. @throws RangeError naming what does not exist */
export function selectScenarios(names: readonly string[]): readonly Scenario[] {
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    throw new RangeError(`no scenario is called ${unknown}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name));
}
