/** Whole files to any DFU 1.1 device. DFU 1.1, sections 6.1 and 6.2. */

import type { ByteSource } from '../../protocol/byte-source.js';
import { sameBytes } from '../../protocol/little-endian.js';
import { sampleDiffers } from '../board-error.js';
import { USB_LIMIT_MS } from '../usb/usb-device.js';
import { unlessFailed } from './dfu-client.js';
import type { DfuClient } from './dfu-client.js';

export interface TransferOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

/** What is known when all of a file is through. */
export type FileEnd =
  /** Read back, it is the same. */
  | 'compared'
  /** The device offers no way to read it back. */
  | 'taken'
  /** It offers one, and then refuses. */
  | 'not-read'
  /** It has restarted, or does so: it answers no more. */
  | 'restarted';

/**
 * For an answer once all is through, when nothing depends on it any more: four times the 500 ms in which a device
 * should begin to answer (USB 2.0, 9.2.6.4). More where the user has given requests more.
 */
const LAST_LIMIT_MS = 2000;

/**
 * Sends a file and has the device take it into use. A device that must be reset for that is reset; one that can be read
 * afterwards is read, as far as the file goes.
 *
 * @throws BoardError; AbortError, the device being back in dfuIDLE
 */
export async function sendFile(client: DfuClient, file: ByteSource, options: TransferOptions = {}): Promise<FileEnd> {
  const { blockBytes } = client;
  let block = 0;
  for (let at = 0; at < file.length; at += blockBytes) {
    await stopIfAborted(client, options);
    const length = Math.min(blockBytes, file.length - at);
    await client.download(block++, file.read(at, length).slice(), `byte ${at} is written`);
    options.onProgress?.(at + length);
  }
  const { limitMs } = client.connection;
  const lastLimitMs = limitMs > USB_LIMIT_MS ? limitMs : LAST_LIMIT_MS;
  const end = await client.endDownload(block, lastLimitMs);
  if (end === 'wait-reset') await client.connection.reset();
  if (end !== 'idle') return 'restarted';
  if (!client.setting.functional.canUpload) return 'taken';
  return (await isReadBack(client, file, lastLimitMs, options)) ? 'compared' : 'not-read';
}

/**
 * Whether the device could be read; it is in dfuIDLE then, as far as it can be brought there.
 *
 * @throws BoardError `board-write-failed` if it holds other bytes. The memory may be larger than the file
 */
async function isReadBack(
  client: DfuClient,
  file: ByteSource,
  limitMs: number,
  options: TransferOptions,
): Promise<boolean> {
  let isRead = false;
  // Who refuses the end of a download may wait for more of it.
  await unlessFailed(client.toIdle(limitMs));
  for (let at = 0, block = 0; at < file.length; at += client.blockBytes, block++) {
    await stopIfAborted(client, options);
    const bytes = await client.uploadIfPossible(block, limitMs);
    isRead = bytes !== undefined && (at > 0 || bytes.length > 0);
    if (bytes === undefined || !isRead) break;
    const length = Math.min(bytes.length, file.length - at);
    const isWhole = bytes.length === client.blockBytes || length === file.length - at;
    if (!isWhole || !sameBytes(bytes.subarray(0, length), file.read(at, length))) throw sampleDiffers(client.name, at);
  }
  await unlessFailed(client.toIdle(limitMs));
  return isRead;
}

async function stopIfAborted(client: DfuClient, { signal }: TransferOptions): Promise<void> {
  if (signal?.aborted !== true) return;
  await client.abort();
  signal.throwIfAborted();
}
