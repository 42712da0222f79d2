/** An output stream of the process that may go away, such as a pipe into `head`. */

/** What is used of `process.stdout` and `process.stderr`. */
export interface OutputStream {
  write(text: string, onWritten?: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** A control character that is neither a line break nor a tab. */
const CONTROL_CHARACTER = /(?![\n\t])\p{Cc}/gu;

export class Sink {
  private readonly stream: OutputStream;
  private lost = false;
  private lineOpen = false;

  /** @param onFailure called once, when the stream takes nothing more */
  constructor(stream: OutputStream, onFailure: (error: Error) => void = () => {}) {
    this.stream = stream;
    // Without a listener the error would end the process on the spot; the stream repeats it for each further write.
    stream.on('error', (error) => {
      if (!this.lost) onFailure(error);
      this.lost = true;
    });
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true;
  }

  /** A pseudo-terminal that nobody gave a size has none, or 0. */
  get columns(): number {
    return this.stream.columns || 80;
  }

  /** Whether it takes nothing more. */
  get isLost(): boolean {
    return this.lost;
  }

  /** Whether the text so far does not end with a line break. */
  get isLineOpen(): boolean {
    return this.lineOpen;
  }

  /**
   * Writes text that may come from anywhere. A model's words and the names in a file may hold escape sequences, which
   * would rename, reprogram or clear a terminal, so control characters become U+FFFD there.
   */
  text(text: string): void {
    this.raw(this.isTerminal ? text.replaceAll(CONTROL_CHARACTER, '\ufffd') : text);
  }

  /** Writes our own bytes as they are. */
  raw(text: string): void {
    if (this.lost || text === '') return;
    this.lineOpen = !text.endsWith('\n');
    this.stream.write(text);
  }

  /** Waits until everything is written or lost. */
  async flush(): Promise<void> {
    if (this.lost) return;
    await new Promise<void>((resolve) => this.stream.write('', () => resolve()));
  }
}
