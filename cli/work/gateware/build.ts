/** `mmfree gateware build`: the work. */
import { join, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import { parseClock, parsePlacement } from '../../../firmware-host/virtual/simulated-chips/reports.js';
import { make, type RecipeStep } from '../../../firmware-host/virtual/simulated-chips/tools.js';
import type { CommandContext } from '../../command.js';

interface GatewareBuildInput {
  readonly board: 'icebreaker' | 'axi';
  readonly output: string;
}

export async function gatewareBuild(input: GatewareBuildInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const folder = resolve(input.output);
  const words = [`BUILD=${folder}`];
  const startMs = performance.now();
  const onStep = ({ tool, number, total }: RecipeStep): void => {
    const seconds = (performance.now() - startMs) / 1000;
    output.note(`step ${number} of ${total}, after ${seconds.toFixed(0)} s: ${tool} …`);
  };
  if (input.board === 'axi') {
    await make({ work: 'the synthesis', tools: ['yosys'], folder: 'boards/axi', words, signal, onStep });
    const table = await readFile(join(folder, 'estimates.txt'), 'utf8');
    output.print(table);
    output.result({ board: input.board, folder, seconds: (performance.now() - startMs) / 1000 });
    return;
  }
  const tools = ['yosys', 'nextpnr-ice40', 'icepack'] as const;
  await make({ work: 'the synthesis', tools, folder: 'boards/icebreaker', words, signal, onStep });
  const seconds = (performance.now() - startMs) / 1000;
  const log = await readFile(join(folder, 'place-and-route.log'), 'utf8');
  const used = parsePlacement(log);
  const clock = parseClock(log);
  const bitstream = join(folder, 'icebreaker.bin');
  output.print(
    [
      `${bitstream} in ${seconds.toFixed(0)} s`,
      ...used.map(({ name, count, available }) => `  ${name.padEnd(12)} ${String(count).padStart(5)} of ${available}`),
      `  clock        ${clock.megahertz.toFixed(2)} MHz in the worst case, 24 needed`,
      `Onto a board: mmfree gateware flash --bitstream ${bitstream} --image IMAGE`,
      '',
    ].join('\n'),
  );
  output.result({
    board: input.board,
    bitstream,
    seconds,
    used: Object.fromEntries(used.map(({ name, count }) => [name, count])),
    worst_megahertz: clock.megahertz,
  });
}
