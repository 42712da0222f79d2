/** The board's end of a wire: any stream of bytes that keeps their order. */

export interface WireEvents {
  readonly onData: (bytes: Uint8Array) => void;
  /** The wire takes bytes again. */
  readonly onReady: () => void;
  /** The wire is gone; nothing comes afterwards. */
  readonly onGone: () => void;
}

export interface Wire {
  /** Whether it takes bytes now; what is written all the same is kept. */
  readonly isReady: boolean;
  /** Called once. */
  start(events: WireEvents): void;
  write(bytes: Uint8Array): void;
  /** Takes it away, as when a board loses its power. */
  close(): void;
  /** Takes it away when what was written has gone out. Of connections only. */
  hangUp?(): void;
  /** Is told whether the host at the other end has a session; at first it has none. Network ports want to know. */
  setServed?(isServed: boolean): void;
}
