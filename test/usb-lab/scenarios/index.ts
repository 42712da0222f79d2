/** All scenarios, in the order in which they run. */

import type { Scenario } from '../guest/scenario.js';
import { smokes } from './smoke.js';

const SCENARIOS: readonly Scenario[] = smokes;

/** Those of the given names; all if there are none. @throws RangeError naming what does not exist */
export function selectScenarios(names: readonly string[]): readonly Scenario[] {
  const unknown = names.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    throw new RangeError(`no scenario is called ${unknown}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name));
}
