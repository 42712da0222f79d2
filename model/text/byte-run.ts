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
  /** What another run needs to go on. */
  readonly held: () => HeldRun;
  /**
   * Goes on from what another run of this kind held, before the first bytes.
   *
   * @returns what is certain now: nothing if a run did hold it
   */
  readonly resume: (held: HeldRun) => string;
}

/** What is not text yet. */
export interface HeldRun {
  readonly bytes: Uint8Array;
  /** Whatever bytes follow in this run are U+FFFD each. */
  readonly isBroken: boolean;
}

/** Most bytes of a UTF-8 character that is not complete. */
const MAX_UNFINISHED = 3;

/** U+FFFD for each part that cannot be UTF-8, as `String::from_utf8_lossy` of Rust and WHATWG Encoding have it. */
export class LossyByteRun implements ByteRun {
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  /** The last bytes of this run, because a decoder does not tell what it holds. */
  private tail = new Uint8Array(0);

  push(bytes: Uint8Array): string {
    this.tail = Uint8Array.of(...this.tail, ...bytes.subarray(-MAX_UNFINISHED)).slice(-MAX_UNFINISHED);
    return this.decoder.decode(bytes, { stream: true });
  }

  end(): string {
    this.tail = new Uint8Array(0);
    return this.decoder.decode();
  }

  held(): HeldRun {
    const ends = Array.from(this.tail, (_, start) => this.tail.subarray(start));
    return { bytes: ends.find(isUnfinished) ?? new Uint8Array(0), isBroken: false };
  }

  resume({ bytes }: HeldRun): string {
    return this.push(bytes);
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
  /** All of the run until it is broken. */
  private pieces: Uint8Array[] = [];
  private broken = false;

  push(bytes: Uint8Array): string {
    if (this.broken) return REPLACEMENT.repeat(bytes.length);
    this.pieces.push(bytes);
    try {
      this.text += this.decoder.decode(bytes, { stream: true });
      return '';
    } catch {
      const lost = REPLACEMENT.repeat(lengthOf(this.pieces));
      this.begin(true);
      return lost;
    }
  }

  end(): string {
    try {
      return this.broken ? '' : this.text + this.decoder.decode();
    } catch {
      return REPLACEMENT.repeat(lengthOf(this.pieces));
    } finally {
      this.begin(false);
    }
  }

  held(): HeldRun {
    const bytes = new Uint8Array(lengthOf(this.pieces));
    let at = 0;
    for (const piece of this.pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return { bytes, isBroken: this.broken };
  }

  resume({ bytes, isBroken }: HeldRun): string {
    this.begin(isBroken);
    return this.push(bytes);
  }

  private begin(broken: boolean): void {
    this.decoder = strictDecoder();
    this.text = '';
    this.pieces = [];
    this.broken = broken;
  }
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Whether bytes are the beginning of one character. */
function isUnfinished(bytes: Uint8Array): boolean {
  try {
    return strictDecoder().decode(bytes, { stream: true }) === '';
  } catch {
    return false;
  }
}

function strictDecoder(): InstanceType<typeof TextDecoder> {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
}
