/** Follows what the guest tells, in a file that both see. */

import { closeSync, openSync, readSync } from 'node:fs';
import type { Progress } from '../outcome.js';

const LOOK_AGAIN_MS = 200;

/** Calls `onProgress` for each line that comes to a file that exists. @returns what ends it, after a last look */
export function follow(path: string, onProgress: (progress: Progress) => void): () => void {
  const descriptor = openSync(path, 'r');
  const buffer = Buffer.alloc(65_536);
  let rest = '';
  const look = (): void => {
    for (;;) {
      const length = readSync(descriptor, buffer);
      if (length === 0) return;
      const lines = (rest + buffer.toString('utf8', 0, length)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onProgress(JSON.parse(line) as Progress);
    }
  };
  const timer = setInterval(look, LOOK_AGAIN_MS);
  return () => {
    clearInterval(timer);
    look();
    closeSync(descriptor);
  };
}
