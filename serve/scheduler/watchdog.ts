/** Notices a machine that computes nothing any more, such as a board that hangs. */
export class Watchdog {
  /** Rejected when nothing has come for too long. */
  readonly expired: Promise<never>;
  #timer: NodeJS.Timeout;

  /** @param progress anything that changes as long as something is computed */
  constructor(name: string, limitMs: number, progress: () => number) {
    let seen = progress();
    let expire: (error: Error) => void = () => {};
    this.expired = new Promise<never>((_, reject) => (expire = reject));
    this.expired.catch(() => {});
    const look = (): void => {
      const now = progress();
      if (now === seen) return expire(new Error(`${name} has computed nothing for ${limitMs / 1000} s`));
      seen = now;
      this.#timer = setTimeout(look, limitMs);
    };
    this.#timer = setTimeout(look, limitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
