/** Packing a synthetic F16 checkpoint of a published shape, against only reading and hashing its file. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../model/files/temporary-folder.js';
import { openCheckpoint } from '../../../model/checkpoint/checkpoint.js';
import { packCheckpoint } from '../../../model/pack/pack.js';
import type { CommandContext } from '../../command.js';
import type { BenchInput } from './input.js';
import { describeImage, megabytes } from '../image-facts.js';
import { PUBLISHED_SHAPES, writeSynthetic } from './synthetic-checkpoint.js';

export async function benchPack(input: BenchInput, { output, signal }: CommandContext): Promise<void> {
  const { path: folder, remove } = await temporaryFolder('bench', input.folder);
  try {
    const checkpointBytes = await writeSynthetic(folder, PUBLISHED_SHAPES[input.shape], output, signal);
    const baseline = await secondsToHash(join(folder, 'model.safetensors'), signal);
    const residentBefore = process.memoryUsage().rss;

    const checkpoint = await openCheckpoint(folder);
    const progress = output.progress({ label: 'pack', unit: 'bytes', total: checkpointBytes });
    const startMs = performance.now();
    const result = await packCheckpoint(checkpoint, join(folder, 'image.mmfree'), {
      onProgress: (doneBytes) => progress.update(doneBytes),
      signal,
    });
    const seconds = (performance.now() - startMs) / 1000;
    progress.end();
    await checkpoint.close();

    const peakBytes = process.resourceUsage().maxRSS * 1024;
    const rate = checkpointBytes / seconds;
    const { facts } = describeImage(result.image);
    output.print(
      [
        `pack ${input.shape} (F16, synthetic, ${megabytes(checkpointBytes)})`,
        `  ${seconds.toFixed(2)} s, ${megabytes(rate)}/s of checkpoint, self-test included`,
        `  baseline: reading and hashing the file takes ${baseline.toFixed(2)} s, so packing costs ${(seconds / baseline).toFixed(2)} times that`,
        `  resident: ${megabytes(peakBytes)} at the peak of the process, ${megabytes(residentBefore)} before packing`,
        `  image: ${megabytes(result.image.fileLength)}, ${Number(facts['bits_per_ternary_weight']).toFixed(4)} bit per ternary weight`,
        '',
      ].join('\n'),
    );
    output.result({
      shape: input.shape,
      checkpoint_bytes: checkpointBytes,
      seconds,
      bytes_per_second: rate,
      baseline_seconds: baseline,
      peak_resident_bytes: peakBytes,
      file_bytes: result.image.fileLength,
      bits_per_ternary_weight: facts['bits_per_ternary_weight'],
    });
  } finally {
    await remove();
  }
}

async function secondsToHash(path: string, signal: AbortSignal): Promise<number> {
  const startMs = performance.now();
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 4 << 20, signal }))
    hash.update(piece as Uint8Array);
  hash.digest();
  return (performance.now() - startMs) / 1000;
}
