/** Waiting for something that the kernel, udev or another program is about to do. */

import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_AGAIN_MS = 20;
/** Emulated, on a busy computer; what comes at all comes much sooner. */
const GIVE_UP_MS = 90_000;

/** Looks until there is something. @throws Error naming what did not come */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  giveUpMs = GIVE_UP_MS,
): Promise<T> {
  const giveUpAtMs = performance.now() + giveUpMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() >= giveUpAtMs) throw new Error(`waited ${giveUpMs / 1000} s in vain for ${what}`);
    await sleep(LOOK_AGAIN_MS);
  }
}
