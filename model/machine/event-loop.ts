/**
 * The event loop's turn, so that signals, timers and wires are heard between two tokens.
 *
 * A message to oneself is the only way that browsers and Node share: timers of browsers wait for 4 ms. One channel is kept for as long as someone
 * computes (a turn takes some microseconds then, as long as Node's setImmediate), and closed, as an open one keeps Node from ending.
 */
export class EventLoop {
  readonly #channel = new MessageChannel();
  #resume = (): void => {};

  constructor() {
    this.#channel.port1.addEventListener('message', () => this.#resume());
    this.#channel.port1.start();
  }

  /** Comes back when everything that waits has had its turn. Not to be called again before. */
  async turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      this.#channel.port2.postMessage(undefined);
    });
  }

  close(): void {
    this.#channel.port1.close();
  }
}
