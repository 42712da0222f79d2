/** How descriptors are put together from their fields. */

/** A descriptor of bytes: its length in front of what is given. */
export function descriptor(type: number, ...fields: readonly number[]): Uint8Array {
  return Uint8Array.of(2 + fields.length, type, ...fields);
}

/** A 16-bit field. */
export function u16(value: number): [number, number] {
  return [value & 0xff, (value >> 8) & 0xff];
}

/** A 32-bit field. */
export function u32(value: number): number[] {
  return [...u16(value), ...u16(value >>> 16)];
}

/** A UUID as descriptors have it: its first three groups in little-endian. @param text such as `3408b638-09a9-…` */
export function uuid(text: string): number[] {
  const groups = text.split('-').map((group) => Array.from(Buffer.from(group, 'hex')));
  return groups.flatMap((group, index) => (index < 3 ? group.toReversed() : group));
}

/** UTF-16, little-endian. */
export function utf16(text: string): number[] {
  return Array.from(Buffer.from(text, 'utf16le'));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
