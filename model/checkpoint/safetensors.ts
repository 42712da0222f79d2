/** One safetensors file, opened for reading at random. The header is checked on opening; data is read on demand. */

import type { FileHandle } from 'node:fs/promises';

import { openRegularFile, readFully } from './files.js';
import { LENGTH_BYTES, parseSafetensorsHeader, readHeaderLength } from './safetensors-header.js';
import type { TensorInfo } from './safetensors-header.js';
import { tensorInfo } from './tensor-source.js';
import type { TensorSource } from './tensor-source.js';

/** An open safetensors file; tensors in the order of their data. */
export class SafetensorsFile implements TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  private readonly handle: FileHandle;
  readonly files: readonly string[];

  private constructor(path: string, tensors: ReadonlyMap<string, TensorInfo>, handle: FileHandle) {
    this.path = path;
    this.files = [path];
    this.tensors = tensors;
    this.handle = handle;
  }

  /** @throws CheckpointError when the file cannot be read or breaks the format */
  static async open(path: string): Promise<SafetensorsFile> {
    const { handle, bytes } = await openRegularFile(path);
    try {
      return new SafetensorsFile(path, await readHeader(handle, path, bytes), handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async readRaw(name: string, byteOffset: number, into: Uint8Array): Promise<void> {
    const { byteLength, fileOffset } = tensorInfo(this, name);
    if (!(byteOffset >= 0 && byteOffset + into.length <= byteLength)) {
      throw new RangeError(`${into.length} bytes at ${byteOffset} are outside ${name}, which has ${byteLength}`);
    }
    await readFully(this.handle, this.path, into, fileOffset + byteOffset);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function readHeader(handle: FileHandle, path: string, fileBytes: number): Promise<Map<string, TensorInfo>> {
  const prefix = new Uint8Array(Math.min(LENGTH_BYTES, fileBytes));
  await readFully(handle, path, prefix, 0);
  const header = new Uint8Array(readHeaderLength(prefix, fileBytes, path));
  await readFully(handle, path, header, LENGTH_BYTES);
  return parseSafetensorsHeader(header, fileBytes - LENGTH_BYTES - header.length, path);
}
