/** Who counts and times what choices give, as their reader gets it. */
export interface Observer {
  /** @param seconds since the request came */
  onFirstToken(model: string, seconds: number): void;
  /** Tokens behind the first. @param seconds between two of them */
  onTokens(model: string, count: number, seconds: number): void;
  onDone(model: string, choice: DoneChoice): void;
}

/** One that is at its end. */
export interface DoneChoice {
  readonly reason: 'stop' | 'length' | 'abort' | 'error';
  readonly tokens: number;
  /** Of its prompt, those that were not fed. */
  readonly found: number;
  /** Since the request came. */
  readonly seconds: number;
}
