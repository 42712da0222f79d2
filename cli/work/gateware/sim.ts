/** `mmfree gateware sim`: the work. */
import type { SimulatedChipName } from '../../../firmware-host/virtual/simulated-chips/simulated-chips.js';
import { simulatorOf } from '../../../firmware-host/virtual/simulated-chips/simulator.js';
import type { CommandContext } from '../../command.js';

interface GatewareSimInput {
  readonly chip: SimulatedChipName;
  readonly trace: boolean;
}

export async function gatewareSim({ chip, trace }: GatewareSimInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const startMs = performance.now();
  let isBuilt = false;
  const onBuild = (): void => {
    isBuilt = true;
    output.note('building the simulator …');
  };
  const program = await simulatorOf(chip, { trace, signal, onBuild });
  const seconds = (performance.now() - startMs) / 1000;
  output.print(`${program}\n`);
  output.note(
    `${isBuilt ? `built in ${seconds.toFixed(1)} s` : 'it was there'}; a board of it: mmfree virtual-board --rtl ${chip}`,
  );
  output.result({ program, chip, trace, built: isBuilt, seconds });
}
