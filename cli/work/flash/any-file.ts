/** `mmfree flash --dfu-alt`: any file, to any DFU 1.1 device. */
import { whenItComes } from '../../../engine/open-board.js';
import { boardWantsNoKey } from '../../../device/board-error.js';
import { selectFlashTarget } from '../../../device/finding/discovery.js';
import { openDfu } from '../../../device/dfu/dfu-device.js';
import { noDfu } from '../../../device/dfu/dfu-error.js';
import { sendFile } from '../../../device/dfu/dfu-transfer.js';
import type { FileEnd } from '../../../device/dfu/dfu-transfer.js';
import { FileSource } from '../../../model/image-file.js';
import type { CommandContext } from '../../command.js';
import { UsageError } from '../../usage-error.js';
import { checkDfuIds } from './check-dfu-ids.js';
import type { FlashInput } from './input.js';
import { megabytes } from '../image-facts.js';
import { selectorOf } from '../machines/selector.js';

export async function flashAnyFile(
  input: FlashInput & { readonly dfuAlt: string },
  context: CommandContext,
): Promise<void> {
  const { output, signal } = context;
  if (input.dryRun) throw noDryRun();
  const file = new FileSource(input.image);
  try {
    const ids = file.dropDfuSuffix();
    const { host, info } = await whenItComes(input.wait, context, async () => {
      const target = await selectFlashTarget(selectorOf(input.board), true, signal);
      if (target.kind === 'session') throw noDfu(input.board ?? 'the board');
      // Nobody asks for one over DFU.
      if (input.keyFile !== undefined) throw boardWantsNoKey(target.host.nameOf(target.info));
      return target;
    });
    const name = host.nameOf(info);
    try {
      checkDfuIds(ids, name, info);
      const limitMs = input.requestTimeout === undefined ? undefined : 1000 * input.requestTimeout;
      const { client } = await openDfu(host, info, info, { signal, setting: input.dfuAlt, limitMs });
      try {
        const total = file.length;
        const progress = output.progress({ label: 'flash', unit: 'bytes', total });
        const startMs = performance.now();
        const end = await sendFile(client, file, { signal, onProgress: (done) => progress.update(done) });
        const seconds = (performance.now() - startMs) / 1000;
        progress.end();
        const rate = `${megabytes(total)} written in ${seconds.toFixed(1)} s`;
        output.print(`${name} has taken ${input.image}: ${rate}${SENTENCES[end]}\n`);
        output.result({ board: name, file_bytes: total, end, read_back: end === 'compared', seconds });
      } finally {
        await client.connection.close();
      }
    } finally {
      await host.close();
    }
  } finally {
    file.close();
  }
}

const SENTENCES = {
  compared: '; read back, it is the same',
  taken: '; the device gives no way to read it back',
  'not-read': '; it could not be read back: the device refuses, although it says that it can',
  restarted:
    '; the device restarts and answers no more, so it could not be read back (if it does not come again, plug it in anew)',
} as const satisfies Record<FileEnd, string>;

function noDryRun(): UsageError {
  return new UsageError('conflicting-options', '--dry-run and --dfu-alt exclude each other', {
    reason: 'Only a board of ours tells what it would take.',
    fix: 'Leave one of them out.',
  });
}
