/** Bytes in lower-case hexadecimal, two digits each. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A word of 32 bits as eight digits: receipts and other checksums, as they are told. */
export function hexOfWord(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
