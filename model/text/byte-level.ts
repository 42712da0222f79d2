/**
 * The alphabet of byte-level BPE: one printable character for each byte, so that any text is a string of 256 symbols.
 *
 * Introduced with GPT-2 (`bytes_to_unicode` in its encoder.py): printable bytes stand for themselves, the other 68 are
 * numbered from U+0100 on. A space, for instance, is `Ġ` (U+0120).
 */

/** Byte of each character of the alphabet, all 256. */
export const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = makeAlphabet();

/** [256], the other way. */
export const CHARACTER_OF_BYTE: readonly string[] = [...BYTE_OF_CHARACTER.keys()];

/** `text` in the alphabet. */
export function byteLevelText(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => CHARACTER_OF_BYTE[byte]).join('');
}

/** The bytes that a token of the alphabet stands for, or undefined if it has another character. */
export function byteLevelBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_CHARACTER.get(token[i]);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

function makeAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    alphabet.set(String.fromCharCode(isPrintable(byte) ? byte : next++), byte);
  }
  return alphabet;
}

/** Printable in Latin-1; 0xad is the soft hyphen. */
function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
}
