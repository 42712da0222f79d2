/**
 * Long work in the thread that serves everybody: streams and promises alone go on and on without a look at the network,
 * so that others have their turn only where it is given to them.
 */

/** So long one after the other works. */
const MOST_MS = 5;

let begunMs = performance.now();
let last: Promise<void> = Promise.resolve();

/** Whether there is no time to go on. */
export function isOthersTurn(): boolean {
  return performance.now() - begunMs >= MOST_MS;
}

/** Resolves when there is time to go on: at once, or when others have had their turn. Who comes first goes on first. */
export async function othersTurn(): Promise<void> {
  if (!isOthersTurn()) return;
  await (last = last.then(turnOver));
}

async function turnOver(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  begunMs = performance.now();
}
