/**
 * Who runs which scenario. Guests see one folder on the computer that they run on, and a folder can be made there once:
 * whoever makes one of a scenario's name has it, and one in that says that it has ended.
 */

import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export class Turns {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether nobody else has it. */
  take(name: string): boolean {
    return isMade(join(this.#folder, name));
  }

  /** Has it taken by now, and ended. */
  end(name: string): void {
    isMade(this.#ended(name));
  }

  /** Whether no other scenario that was taken is under way. */
  isAlone(name: string): boolean {
    return readdirSync(this.#folder).every((other) => other === name || existsSync(this.#ended(other)));
  }

  #ended(name: string): string {
    return join(this.#folder, name, 'ended');
  }
}

function isMade(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}
