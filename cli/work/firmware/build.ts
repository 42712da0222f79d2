/** `mmfree firmware build`: the work. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { buildFirmware } from '../../../firmware-host/tools/build-firmware.js';
import type { PortName } from '../../../firmware-host/tools/port-names.js';
import { checkOutputs, writeOutput } from '../../../model/files/output-file.js';
import { temporaryFolder } from '../../../model/files/temporary-folder.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { RP2040, RP2350 } from '../pico-firmware.js';

interface FirmwareBuildInput {
  readonly port: PortName | undefined;
  readonly mhz: string | undefined;
  readonly output: string | undefined;
}

export async function firmwareBuild(input: FirmwareBuildInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const { port = 'rp2040', mhz } = input;
  if (mhz !== undefined && port !== 'rp2040') {
    throw new UsageError('conflicting-options', `--mhz is for the rp2040, not for ${port}`, {
      reason: 'The clock of the others is fixed.',
      fix: 'Leave --mhz out.',
    });
  }
  const startMs = performance.now();
  if (input.output !== undefined) await checkOutputs([input.output], []);
  const { path: folder, remove } = await temporaryFolder('firmware');
  try {
    const { file, warnings } = await buildFirmware(port, folder, { mhz, signal });
    const bytes = await readFile(file);
    const target = input.output ?? basename(file);
    // Before the output is written, which may be that very file.
    const shipped = [RP2040, RP2350].find(({ family }) => family === port)?.firmware;
    const isShipped = shipped === undefined ? null : bytes.equals(await readFile(shipped));
    await writeOutput(target, bytes);
    const seconds = (performance.now() - startMs) / 1000;
    for (const line of warnings) output.note(line);
    const comparison =
      isShipped === null ? '' : `; ${isShipped ? 'the same as' : 'other than'} the one that comes with this program`;
    output.print(`${target}: ${bytes.length.toLocaleString('en-US')} bytes in ${seconds.toFixed(1)} s${comparison}\n`);
    if (isShipped !== null) output.note(`onto a board: mmfree pack --uf2 IMAGE --firmware ${target} -o FILE.uf2`);
    output.result({
      chip: port,
      file: target,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      is_shipped: isShipped,
      warnings,
      seconds,
    });
  } finally {
    await remove();
  }
}
