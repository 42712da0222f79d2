/** Whole files to any DFU 1.1 device. DFU 1.1, sections 6.1 and 6.2. */

import type { ByteSource } from '../../protocol/byte-source.js';
import { sameBytes } from '../../protocol/little-endian.js';
import { BoardError, sampleDiffers } from '../board-error.js';
import type { DfuClient } from './dfu-client.js';

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

/**
 * Sends a file and has the device take it into use. A device that must be reset for that is reset; one that can be read
 * afterwards is read, as far as the file goes.
 *
 * @returns what is known at the end
 * @throws BoardError; AbortError, the device being back in dfuIDLE
 */
export async function sendFile(
  client: DfuClient,
  file: ByteSource,
  options: TransferOptions = {},
): Promise<'compared' | 'taken' | 'restarted'> {
  const { blockBytes } = client;
  let block = 0;
  for (let at = 0; at < file.length; at += blockBytes) {
    await stopIfAborted(client, options);
    const length = Math.min(blockBytes, file.length - at);
    await client.download(block++, file.read(at, length).slice(), `byte ${at} is written`);
    options.onProgress?.(at + length);
  }
  const end = await manifested(client, block);
  if (end === 'wait-reset') await client.connection.reset();
  if (end !== 'idle') return 'restarted';
  if (!client.setting.functional.canUpload) return 'taken';
  await compare(client, file, options);
  return 'compared';
}

/** Many boot loaders start the new firmware without waiting for the reset that the standard has in between. */
async function manifested(client: DfuClient, block: number): Promise<'idle' | 'wait-reset' | 'gone'> {
  try {
    return await client.manifest(block);
  } catch (error) {
    const mayGo = !client.setting.functional.isManifestationTolerant;
    if (mayGo && error instanceof BoardError && error.code === 'board-lost') return 'gone';
    throw error;
  }
}

/** The memory may be larger than the file. @throws BoardError `board-write-failed` */
async function compare(client: DfuClient, file: ByteSource, options: TransferOptions): Promise<void> {
  for (let at = 0, block = 0; at < file.length; at += client.blockBytes, block++) {
    await stopIfAborted(client, options);
    const bytes = await client.upload(block);
    const length = Math.min(bytes.length, file.length - at);
    const isWhole = bytes.length === client.blockBytes || length === file.length - at;
    if (!isWhole || !sameBytes(bytes.subarray(0, length), file.read(at, length))) throw sampleDiffers(client.name, at);
  }
  await client.toIdle();
}

async function stopIfAborted(client: DfuClient, { signal }: TransferOptions): Promise<void> {
  if (signal?.aborted !== true) return;
  await client.abort();
  signal.throwIfAborted();
}
