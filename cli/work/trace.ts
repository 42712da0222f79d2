/** `--trace`: every frame to and from a board, as JSON Lines in a file of its own. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { frameTracer, type TraceRecord } from '../../protocol/wire/frame-trace.js';
import type { CommandContext } from '../command.js';
import { VERSION } from '../../protocol/version.js';

/**
 * Does work whose wires are traced, if there is a path. A line is written when its frame is seen, so that none is
 * missing however the work ends.
 *
 * @throws the operating system's error, also if there is something at the path already: it may be an input
 */
export async function traced(
  path: string | undefined,
  context: CommandContext,
  work: (context: CommandContext) => Promise<void>,
): Promise<void> {
  if (path === undefined) return await work(context);
  // What a model is asked and answers is in it.
  const file = openSync(path, 'wx', 0o600);
  let isOpen = true;
  const startMs = performance.now();
  const write = (record: TraceRecord): void => {
    if (isOpen) writeSync(file, `${JSON.stringify(record)}\n`);
  };
  write({ kind: 'start', program: `mmfree ${VERSION}`, time: new Date().toISOString() });
  try {
    await work({ ...context, wires: frameTracer(write, () => performance.now() - startMs) });
  } finally {
    isOpen = false;
    closeSync(file);
  }
}
