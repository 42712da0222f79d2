/** The board's end of a link: takes one session after another. docs/PROTOCOL.md, section 2. */

import type { Frame } from './frame.js';
import { Link } from './link.js';
import type { LinkOptions } from './link.js';
import { busyPayload, synAckPayload, synNonce } from './opening.js';

export interface BoardLinkOptions extends LinkOptions {
  /**
   * If the board has several lines and a host on another one holds it: the milliseconds since that host was heard.
   * Undefined if the board is free.
   */
  readonly heldElsewhereMs?: () => number | undefined;
}

/** Lives as long as its line. On `opened` the board sends its HELLO. */
export class BoardLink extends Link {
  readonly #heldElsewhereMs: () => number | undefined;
  #nonce = 0;

  constructor(options: BoardLinkOptions) {
    super(options);
    this.#heldElsewhereMs = options.heldElsewhereMs ?? ((): undefined => undefined);
  }

  protected override onOpeningFrame(frame: Frame): void {
    const nonce = frame.kind === 'syn' ? synNonce(frame.payload) : undefined;
    if (nonce === undefined) return;
    const heldMs = this.#heldElsewhereMs();
    if (heldMs !== undefined) {
      this.control({ kind: 'busy', payload: busyPayload(nonce, heldMs) });
      return;
    }
    this.control({ kind: 'syn-ack', payload: synAckPayload(nonce) });
    // The host asks again: the first answer got lost, or both are under way.
    if (this.isOpen && nonce === this.#nonce) return;
    if (this.isOpen) this.closed({ kind: 'closed', reason: 'reset' });
    this.#nonce = nonce;
    this.opened(nonce, frame.window);
  }

  /** The host does not know that the session is over: the board has restarted, or heard nothing for too long. */
  protected override onStrayFrame(): void {
    this.control({ kind: 'end' });
  }

  protected override pollOpening(): number {
    return Infinity;
  }
}
