/**
 * Bytes of consecutive tokens → text, as they come.
 *
 * The decoders of the published tokenizers differ in what they make of bytes that are not UTF-8. Both are streamed so
 * that no text is ever taken back: what more bytes could still change is held back.
 */

const REPLACEMENT = '\ufffd';

export interface ByteRun {
  /** What is certain now. */
  readonly push: (bytes: Uint8Array) => string;
  /** What was held back. Afterwards a new run begins. */
  readonly end: () => string;
}

/** U+FFFD for each part that cannot be UTF-8, as `String::from_utf8_lossy` of Rust and WHATWG Encoding have it. */
export class LossyByteRun implements ByteRun {
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  push(bytes: Uint8Array): string {
    return this.decoder.decode(bytes, { stream: true });
  }

  end(): string {
    return this.decoder.decode();
  }
}

/**
 * All or nothing, as the step `ByteFallback` has it: a run that is UTF-8 is text, any other is U+FFFD for each of its
 * bytes. So the text of a run is certain only at its end, or as soon as it cannot become UTF-8 any more.
 */
export class StrictByteRun implements ByteRun {
  private decoder = strictDecoder();
  /** Complete characters so far. */
  private text = '';
  private length = 0;
  private broken = false;

  push(bytes: Uint8Array): string {
    if (this.broken) return REPLACEMENT.repeat(bytes.length);
    this.length += bytes.length;
    try {
      this.text += this.decoder.decode(bytes, { stream: true });
      return '';
    } catch {
      this.broken = true;
      return REPLACEMENT.repeat(this.length);
    }
  }

  end(): string {
    try {
      return this.broken ? '' : this.text + this.decoder.decode();
    } catch {
      return REPLACEMENT.repeat(this.length);
    } finally {
      this.decoder = strictDecoder();
      this.text = '';
      this.length = 0;
      this.broken = false;
    }
  }
}

function strictDecoder(): InstanceType<typeof TextDecoder> {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
}
