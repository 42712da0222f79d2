/** What happened in a scenario, line by line: for whoever looks at a failing one. */

import { appendFileSync } from 'node:fs';

export interface Log {
  write(line: string): void;
}

export function logFile(path: string): Log {
  const startMs = performance.now();
  return {
    write: (line) => {
      const seconds = ((performance.now() - startMs) / 1000).toFixed(3).padStart(8);
      appendFileSync(path, `${seconds} ${line}\n`);
    },
  };
}
