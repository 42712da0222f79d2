/**
 * The event loop's turn, so that signals, timers and wires are heard between two tokens.
 *
 * Node has `setImmediate`. Browsers have not, and their timers wait for 4 ms: there it is a message to oneself, on a
 * channel that is kept for as long as someone computes. In Node such a message would come back before anything else is
 * heard: it takes up to 1,000 messages of a port at a stretch.
 */

const { setImmediate: immediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };

export class EventLoop {
  readonly #channel = immediate === undefined ? new MessageChannel() : undefined;
  #resume = (): void => {};

  constructor() {
    this.#channel?.port1.addEventListener('message', () => this.#resume());
    this.#channel?.port1.start();
  }

  /** Comes back when everything that waits has had its turn. Not to be called again before. */
  async turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      if (this.#channel === undefined) immediate?.(resolve);
      else this.#channel.port2.postMessage(undefined);
    });
  }

  close(): void {
    this.#channel?.port1.close();
  }
}
