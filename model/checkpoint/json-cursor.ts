/**
 * A JSON reader for hostile safetensors headers (RFC 8259, the grammar driven by the caller).
 *
 * `JSON.parse` would build whatever tree the file asks for and keep the last of two equal keys without a word. Here the
 * caller asks for what must come next, so nothing unexpected is ever built, nothing nests deeper than the caller, and
 * duplicate keys are refused. Numbers are natural numbers in plain digits, all a header needs.
 */

/** Makes the error for a problem at `position`, an index into the bytes. `problem` is a clause without a period. */
export type JsonFailure = (position: number, problem: string) => Error;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const LETTER_U = 0x75;
/** A string that is kept is at most so long; the names of tensors have 50 bytes. */
const MAX_STRING_BYTES = 4_096;
/** What may follow a backslash, beside u and four hexadecimal digits. */
const ESCAPES: ReadonlySet<number> = new Set(Buffer.from(String.raw`"\/bfnrt`));
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads JSON from the front to the back of `bytes`; each method throws the error of `failure`. */
export class JsonCursor {
  private readonly bytes: Uint8Array;
  private readonly failure: JsonFailure;
  private position = 0;

  constructor(bytes: Uint8Array, failure: JsonFailure) {
    this.bytes = bytes;
    this.failure = failure;
  }

  /** Reads `{ key: value, … }`; `readValue` is called at each value. */
  object(maxKeys: number, readValue: (key: string) => void): void {
    const keys = new Set<string>();
    this.expect('{');
    if (this.take('}')) return;
    do {
      this.skipSpace();
      const keyPosition = this.position;
      const key = this.string();
      if (keys.has(key)) throw this.failure(keyPosition, 'this key occurs twice');
      if (keys.size === maxKeys) throw this.failure(keyPosition, `there are more than ${maxKeys} keys`);
      keys.add(key);
      this.expect(':');
      readValue(key);
    } while (this.take(','));
    this.expect('}');
  }

  /** Reads `{ text: text, … }` and keeps nothing of it, however much there is; so a key may occur twice. */
  skipTexts(): void {
    this.expect('{');
    if (this.take('}')) return;
    do {
      this.scanString();
      this.expect(':');
      this.scanString();
    } while (this.take(','));
    this.expect('}');
  }

  /** Reads `[n, …]`. */
  naturalNumbers(maxLength: number): number[] {
    const numbers: number[] = [];
    this.expect('[');
    if (this.take(']')) return numbers;
    do {
      if (numbers.length === maxLength) throw this.failure(this.position, `there are more than ${maxLength} numbers`);
      numbers.push(this.naturalNumber());
    } while (this.take(','));
    this.expect(']');
    return numbers;
  }

  string(): string {
    const { start, isEscaped } = this.scanString();
    const end = this.position - 1;
    if (end - start > MAX_STRING_BYTES) throw this.failure(start, `the string has more than ${MAX_STRING_BYTES} bytes`);
    const text = this.decode(start, end);
    // The escapes are known to be right.
    return isEscaped ? String(JSON.parse(`"${text}"`)) : text;
  }

  /** Refuses anything but space up to the end. */
  end(): void {
    this.skipSpace();
    if (this.position < this.bytes.length) throw this.failure(this.position, 'the header goes on after its end');
  }

  private naturalNumber(): number {
    this.skipSpace();
    const start = this.position;
    let value = 0;
    for (; isDigit(this.bytes[this.position]); this.position++) {
      value = value * 10 + (this.bytes[this.position] - ZERO);
      if (!Number.isSafeInteger(value)) throw this.failure(start, 'the number is too large');
    }
    const length = this.position - start;
    if (length === 0) throw this.failure(start, 'a natural number is expected');
    if (length > 1 && this.bytes[start] === ZERO) throw this.failure(start, 'the number starts with a zero');
    return value;
  }

  /** Goes behind a string. @returns the place of its first byte */
  private scanString(): { readonly start: number; readonly isEscaped: boolean } {
    this.expect('"');
    const { bytes } = this;
    const start = this.position;
    let isEscaped = false;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte < 0x20) throw this.failure(at, 'a string holds a control character');
      if (byte === QUOTE) {
        this.position = at + 1;
        return { start, isEscaped };
      }
      if (byte !== BACKSLASH) continue;
      isEscaped = true;
      at = this.endOfEscape(at, start);
    }
    throw this.failure(start, 'the string has no end');
  }

  /** @param at of the backslash; @returns where the escape has its last byte */
  private endOfEscape(at: number, start: number): number {
    const byte = this.bytes[at + 1];
    // The end of the bytes is found by the caller.
    if (byte === undefined || ESCAPES.has(byte)) return at + 1;
    const end = at + 5;
    let isRight = byte === LETTER_U;
    for (let digit = at + 2; isRight && digit <= end; digit++) isRight = isHexDigit(this.bytes[digit]);
    if (!isRight) throw this.failure(start, 'the string has an invalid escape');
    return end;
  }

  private decode(start: number, end: number): string {
    try {
      return utf8.decode(this.bytes.subarray(start, end));
    } catch {
      throw this.failure(start, 'the string is not UTF-8');
    }
  }

  private expect(character: string): void {
    if (!this.take(character)) throw this.failure(this.position, `${character} is expected`);
  }

  /** Skips space and then `character`, if it is there. */
  private take(character: string): boolean {
    this.skipSpace();
    if (this.bytes[this.position] !== character.charCodeAt(0)) return false;
    this.position++;
    return true;
  }

  private skipSpace(): void {
    for (;;) {
      const byte = this.bytes[this.position];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.position++;
    }
  }
}

/** False also behind the end, where the byte is undefined. */
function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

/** False also behind the end. */
function isHexDigit(byte: number): boolean {
  // A letter becomes one in lower case, and nothing else becomes a letter.
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
