/**
 * What systemd hears of the service: that it is ready, reloads, stops, and lives. sd_notify(3), sd_watchdog_enabled(3).
 *
 * Messages are datagrams of Unix sockets, which Node does not have, so `systemd-notify` sends them. It waits until they
 * are received, at most 5 s, and the service does not wait for it. With `--no-block` it would be gone at once, and
 * systemd does not know whose message it was when it looks late ("Cannot find unit for notify message"): 3 of 10
 * services that said READY=1 so beside a busy systemd 252 never became active.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

type Environment = Readonly<Record<string, string | undefined>>;

export class Supervisor {
  readonly #env: Environment;
  readonly #onFailure: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();

  /** @param onFailure is told why systemd hears nothing */
  constructor(env: Environment, onFailure: (error: unknown) => void) {
    this.#env = env;
    this.#onFailure = onFailure;
  }

  /**
   * @param isAlive asked at half of the time after which systemd would start the service anew, which it is told only
   *   then
   */
  ready(isAlive: () => boolean): void {
    this.#tell('READY=1');
    const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid } = this.#env;
    const limitMs = Number(microseconds ?? 0) / 1000;
    if (!(limitMs > 0) || (pid !== undefined && pid !== String(process.pid))) return;
    this.#timer = setInterval(() => {
      if (isAlive()) this.#tell('WATCHDOG=1');
    }, limitMs / 2);
  }

  reloading(): void {
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  /** Behind {@link reloading}, whatever came of it. */
  reloaded(): void {
    this.#tell('READY=1');
  }

  stopping(): void {
    clearInterval(this.#timer);
    this.#tell('STOPPING=1');
  }

  #tell(...assignments: readonly string[]): void {
    if (this.#env['NOTIFY_SOCKET'] === undefined) return;
    // One after the other: of a reload that is over before it has begun, no end would come.
    this.#last = this.#last.then(async () => await this.#send(assignments)).catch(this.#onFailure);
  }

  async #send(assignments: readonly string[]): Promise<void> {
    const child = spawn('systemd-notify', assignments, { stdio: 'ignore', env: this.#env });
    // Where nobody receives it, the end of the service does not wait either.
    child.unref();
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`systemd-notify ended with ${code}`);
  }
}
