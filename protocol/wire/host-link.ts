/** The host's end of a link: asks for a session until the board answers. docs/PROTOCOL.md, section 2. */

import type { Frame } from './frame.js';
import { Link, SILENCE_MS } from './link.js';
import type { LinkOptions } from './link.js';
import { synPayload } from './opening.js';

export interface HostLinkOptions extends LinkOptions {
  /** Random, 32 bits: tells this session from all others. */
  readonly nonce: number;
}

const SYN_REPEAT_MS = 200;

/** One session, once. It starts with the first call of `poll`; after `closed` make another one. */
export class HostLink extends Link {
  readonly #nonce: number;
  #isOpening = true;
  #startedAtMs: number | undefined;
  #synAtMs = -Infinity;

  constructor(options: HostLinkOptions) {
    super(options);
    this.#nonce = options.nonce;
  }

  override close(): void {
    this.#stopOpening();
    super.close();
  }

  protected override onOpeningFrame(frame: Frame): void {
    if (!this.#isOpening || frame.kind === 'syn') return;
    const view = new DataView(frame.payload.buffer, frame.payload.byteOffset, frame.payload.length);
    if (view.getUint32(0, true) !== this.#nonce) return;
    this.#isOpening = false;
    if (frame.kind === 'busy') this.closed({ kind: 'closed', reason: 'busy', silentMs: view.getUint32(4, true) });
    else this.opened(this.#nonce, frame.window);
  }

  /** Left over from the session before. */
  protected override onStrayFrame(): void {}

  protected override pollOpening(nowMs: number): number {
    if (!this.#isOpening) return Infinity;
    this.#startedAtMs ??= nowMs;
    const giveUpAtMs = this.#startedAtMs + SILENCE_MS;
    if (nowMs >= giveUpAtMs) {
      this.#stopOpening();
      this.closed({ kind: 'closed', reason: 'dead' });
      return Infinity;
    }
    if (nowMs >= this.#synAtMs + SYN_REPEAT_MS) {
      this.#synAtMs = nowMs;
      this.control({ kind: 'syn', payload: synPayload(this.#nonce) });
    }
    return Math.min(giveUpAtMs, this.#synAtMs + SYN_REPEAT_MS);
  }

  /** The board may have opened the session, and only its answer got lost. */
  #stopOpening(): void {
    if (this.#isOpening && this.#startedAtMs !== undefined) this.control({ kind: 'end' });
    this.#isOpening = false;
  }
}
