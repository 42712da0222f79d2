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
    this.expect('"');
    const start = this.position;
    let escaped = false;
    for (;;) {
      if (this.position >= this.bytes.length) throw this.failure(start, 'the string has no end');
      const byte = this.bytes[this.position];
      if (byte < 0x20) throw this.failure(this.position, 'a string holds a control character');
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) escaped = true;
      this.position += byte === BACKSLASH ? 2 : 1;
    }
    const text = this.decode(start, this.position++);
    return escaped ? this.unescape(start, text) : text;
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

  private decode(start: number, end: number): string {
    try {
      return utf8.decode(this.bytes.subarray(start, end));
    } catch {
      throw this.failure(start, 'the string is not UTF-8');
    }
  }

  private unescape(start: number, text: string): string {
    try {
      return String(JSON.parse(`"${text}"`));
    } catch {
      throw this.failure(start, 'the string has an invalid escape');
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
