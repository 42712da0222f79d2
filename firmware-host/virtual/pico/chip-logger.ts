/**
 * What rp2040js tells a logger. Of registers that it does not have it tells at each reading: that is not heard. What it
 * tells of a processor is an instruction that does not exist, or an event for the other one, of which there is no other
 * sign.
 */

import type { Logger } from 'rp2040js';

const PROCESSOR = 'CortexM0Core';

export class ChipLogger implements Logger {
  readonly #onEvent: () => void;

  constructor(onEvent: () => void) {
    this.#onEvent = onEvent;
  }

  debug(): void {}

  info(component: string, message: string): void {
    if (component === PROCESSOR && message === 'SEV') this.#onEvent();
  }

  /** @throws Error for what a processor cannot do */
  warn(component: string, message: string): void {
    if (component === PROCESSOR) throw new Error(message);
  }

  /** @throws Error */
  error(component: string, message: string): void {
    throw new Error(`${component}: ${message}`);
  }
}
