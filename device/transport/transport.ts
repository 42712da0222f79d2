/** A wire to a board: any stream of bytes that keeps their order. */

export interface TransportEvents {
  readonly onData: (bytes: Uint8Array) => void;
  /** The wire takes bytes again. */
  readonly onReady: () => void;
  /** The wire is gone, with the reason in a sentence; nothing comes afterwards. Not called after `close`. */
  readonly onLost: (reason: string, cause?: unknown) => void;
}

/** An open wire. */
export interface Transport {
  /** For people: what names it on the command line. */
  readonly name: string;
  /** Whether it takes bytes now; what is written all the same is kept. */
  readonly isReady: boolean;
  /** Called once, before anything is written. */
  start(events: TransportEvents): void;
  write(bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** Opens a wire to the same board, again and again if need be. @throws BoardError */
export type OpenTransport = (signal?: AbortSignal) => Promise<Transport>;
