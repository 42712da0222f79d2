/** `mmfree virtual-board --rtl`: the gateware under a simulator as a board. */
import { once } from 'node:events';
import { resolve } from 'node:path';
import { chipTooSmall } from '../../../device/board-error.js';
import { announceVirtualBoard } from '../../../device/finding/announce-virtual-board.js';
import { SimulatedChip } from '../../../firmware-host/virtual/simulated-chips/simulated-chip.js';
import type { SimulatedChipName } from '../../../firmware-host/virtual/simulated-chips/simulated-chips.js';
import { simulatorOf } from '../../../firmware-host/virtual/simulated-chips/simulator.js';
import { checkOutputs } from '../../../model/files/output-file.js';
import { openChecked } from '../../../model/check-image.js';
import { ICEBREAKER_LIMITS, misfits, wideChipLimits, type ChipLimits } from '../../../model/program/chip-limits.js';
import type { CommandContext } from '../../command.js';
import { refuseForeignOptions } from './foreign-options.js';
import { openWires, watched } from './wires.js';
import { imageOrShipped } from '../shipped.js';
import type { VirtualBoardInput } from './input.js';
import { hexOf } from '../../../protocol/hex.js';

type RtlInput = VirtualBoardInput & { readonly rtl: SimulatedChipName };

/** As the gateware of the simulators has it (`gateware/sim/`). */
const SERIAL = 'RTL';

/** Runs until it is interrupted, which is how it is meant to end. */
export async function rtlBoard(input: RtlInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  refuseForeignOptions(
    input,
    '--rtl',
    ['--rtl-stats', '--image'],
    'A simulated chip is what its gateware makes it: its flash holds one image, which it does not write.',
  );
  const image = imageOrShipped(input.image, output);
  if (input.rtlStats !== undefined) await checkOutputs([input.rtlStats], [image]);
  const { seal, manifest, shape, fileLength } = (await openChecked(image, signal)).view;
  const limits = limitsOf(input.rtl);
  const problems = misfits(limits, shape, fileLength);
  if (problems.length > 0) throw chipTooSmall(limits.name, manifest.name, problems);
  const program = await simulatorOf(input.rtl, { signal, onBuild: () => output.note('building the simulator …') });

  const stop = new AbortController();
  let crash: Error | undefined;
  const chip = new SimulatedChip({
    program,
    image: resolve(image),
    stats: input.rtlStats,
    onEnd: (error) => {
      crash = error;
      stop.abort();
    },
  });
  const addresses = await openWires(input, false, (wire) => chip.connect(watched(wire, context)));
  const forget = announceVirtualBoard({ pid: process.pid, serial: SERIAL, addresses });
  try {
    output.event('ready', { serial: SERIAL, addresses, chip: input.rtl, image_sha256: hexOf(seal.sha256) });
    const ways = addresses.map((address) => `--board ${address}`);
    output.print(`simulated ${input.rtl} (${manifest.name}): ${ways.join(' or ')}\n`);
    output.note('Ctrl-C ends it');
    if (!signal.aborted) await once(AbortSignal.any([signal, stop.signal]), 'abort');
    if (crash !== undefined) throw crash;
  } finally {
    forget();
    chip.stop();
  }
}

function limitsOf(chip: SimulatedChipName): ChipLimits {
  return chip.startsWith('axi-') ? wideChipLimits(Number(chip.slice('axi-'.length))) : ICEBREAKER_LIMITS;
}
