/**
 * The only line of a board for several hosts, each on a wire of its own: one at a time has it, and whoever comes
 * meanwhile hears BUSY, as of a board with several lines. docs/PROTOCOL.md, section 2.
 */

import { BoardLink } from '../../../protocol/wire/board-link.js';
import { FrameReader } from '../../../protocol/wire/frame-reader.js';
import { SILENCE_MS } from '../../../protocol/wire/link.js';
import type { Wire } from './wire.js';

export interface SharedLineOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Puts bytes of a host on the line. */
  readonly write: (bytes: Uint8Array) => void;
}

/** The host that has the line, until it ends its session, is gone, or has been silent for as long as a dead one. */
interface Holder {
  readonly wire: Wire;
  /** Of what it says. */
  readonly reader: FrameReader;
  heardAtMs: number;
}

export class SharedLine {
  readonly #now: () => number;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #wires = new Set<Wire>();
  #holder: Holder | undefined;

  constructor({ now, write }: SharedLineOptions) {
    this.#now = now;
    this.#write = write;
  }

  /** A host has come. It has the line when it says something while nobody else has it. */
  connect(wire: Wire): void {
    const refusing = new BoardLink({
      now: this.#now,
      write: (bytes) => wire.write(bytes),
      isReady: () => wire.isReady,
      onEvent: () => {},
      heldElsewhereMs: () => this.#silentMs(),
    });
    this.#wires.add(wire);
    wire.start({
      onData: (bytes) => {
        const holder = this.#holderFor(wire);
        if (holder.wire === wire) this.#pass(holder, bytes);
        else refusing.receive(bytes);
      },
      onReady: () => {},
      onGone: () => {
        this.#wires.delete(wire);
        if (this.#holder?.wire === wire) this.#setHolder(undefined);
      },
    });
  }

  /** Takes bytes of the board. */
  receive(bytes: Uint8Array): void {
    this.#holder?.wire.write(bytes);
  }

  /** Takes all wires away. */
  close(): void {
    for (const wire of this.#wires) wire.close();
  }

  /** Who has the line when `wire` says something. */
  #holderFor(wire: Wire): Holder {
    if (this.#holder === undefined || this.#silentMs() >= SILENCE_MS) {
      return this.#setHolder({ wire, reader: new FrameReader(), heardAtMs: this.#now() });
    }
    return this.#holder;
  }

  #setHolder<H extends Holder | undefined>(holder: H): H {
    this.#holder?.wire.setServed?.(false);
    this.#holder = holder;
    holder?.wire.setServed?.(true);
    return holder;
  }

  #silentMs(): number {
    return this.#now() - (this.#holder?.heardAtMs ?? -Infinity);
  }

  #pass(holder: Holder, bytes: Uint8Array): void {
    holder.heardAtMs = this.#now();
    this.#write(bytes);
    // Its wire may be taken down later than the next host comes.
    const ends = holder.reader.feed(bytes).some((event) => event.kind === 'frame' && event.frame.kind === 'end');
    if (ends) this.#setHolder(undefined);
  }
}
