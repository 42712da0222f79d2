/** Arrays of numbers as little-endian bytes, on any host. */

/** Two bytes for each value. */
export function bytesOfU16(values: Uint16Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * values.length));
  values.forEach((value, index) => view.setUint16(2 * index, value, true));
  return new Uint8Array(view.buffer);
}

/** Four bytes for each value. */
export function bytesOfU32(values: Uint32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  // Not with a callback, here and below: states are millions of them, in a thread that serves others.
  for (let index = 0; index < values.length; index++) view.setUint32(4 * index, values[index]!, true);
  return new Uint8Array(view.buffer);
}

/** The inverse of {@link bytesOfU32}; the length must be a multiple of 4. */
export function u32OfBytes(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = new Uint32Array(bytes.length / 4);
  for (let index = 0; index < values.length; index++) values[index] = view.getUint32(4 * index, true);
  return values;
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
