/**
 * Writes a safetensors file front to back: the header first, then the data in the order of the header. For synthetic
 * checkpoints of any size; memory is that of one `append`.
 */

import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import { DTYPE_BYTES } from './dtype.js';
import { elementsOf } from './tensor-names.js';
import type { Dtype } from './dtype.js';

/** A tensor to be written. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** The length and the header of a file with these tensors one after the other; padded so that data starts at 8·k. */
export function encodeSafetensorsHeader(specs: readonly TensorSpec[]): Uint8Array {
  let end = 0;
  const entries = specs.map(({ name, dtype, shape }) => {
    const begin = end;
    end += specBytes({ dtype, shape });
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
  });
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const encoded = new Uint8Array(8 + headerBytes).fill(' '.charCodeAt(0));
  new DataView(encoded.buffer).setBigUint64(0, BigInt(headerBytes), true);
  encoded.set(json, 8);
  return encoded;
}

/** An unfinished safetensors file. Errors of the file system pass through. */
export class SafetensorsWriter {
  private readonly handle: FileHandle;
  private bytesLeft: number;

  private constructor(handle: FileHandle, bytesLeft: number) {
    this.handle = handle;
    this.bytesLeft = bytesLeft;
  }

  /** Creates or replaces the file at `path` and writes the header. */
  static async create(path: string, specs: readonly TensorSpec[]): Promise<SafetensorsWriter> {
    const handle = await open(path, 'w');
    await handle.writeFile(encodeSafetensorsHeader(specs));
    return new SafetensorsWriter(
      handle,
      specs.reduce((sum, spec) => sum + specBytes(spec), 0),
    );
  }

  /** Appends data; pieces need not end where tensors do. @throws RangeError beyond the last tensor */
  async append(bytes: Uint8Array): Promise<void> {
    if (bytes.length > this.bytesLeft) throw new RangeError(`${bytes.length} bytes, but ${this.bytesLeft} are left`);
    await this.handle.writeFile(bytes);
    this.bytesLeft -= bytes.length;
  }

  /** @throws RangeError when data is missing */
  async close(): Promise<void> {
    await this.handle.close();
    if (this.bytesLeft > 0) throw new RangeError(`${this.bytesLeft} bytes have not been written`);
  }
}

function specBytes({ dtype, shape }: Omit<TensorSpec, 'name'>): number {
  return DTYPE_BYTES[dtype] * elementsOf(shape);
}
