/** A virtual board in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { MAIN } from './start-up.js';

export interface BoardProcess {
  /** As `--board` takes it. */
  readonly address: string;
  /** Ends it without a warning, as a power cut does. */
  cutPower(): Promise<void>;
  end(): void;
}

/** @param options of `mmfree virtual-board` @throws Error if it does not start */
export async function startVirtualBoard(options: readonly string[]): Promise<BoardProcess> {
  const child = spawn(process.execPath, [MAIN, 'virtual-board', '--json', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return {
    address: await addressOf(child),
    cutPower: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    end: () => void child.kill('SIGINT'),
  };
}

async function addressOf(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as { type: string; addresses?: string[] };
    const [address] = event.addresses ?? [];
    if (event.type === 'ready' && address !== undefined) return address;
  }
  throw new Error('the virtual board did not start');
}
