/** Commands of this program that go on until they are ended, each in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { MAIN } from './start-up.js';

/** A command that has said that it is ready. */
interface OwnProcess {
  /** What it said. */
  readonly ready: { readonly addresses?: readonly string[]; readonly url?: string };
  readonly child: ChildProcess;
}

export interface BoardProcess {
  /** As `--board` takes it. */
  readonly address: string;
  /** Ends it without a warning, as a power cut does. */
  cutPower(): Promise<void>;
  end(): void;
}

/** @param options of `mmfree virtual-board` @throws Error if it does not start */
export async function startVirtualBoard(options: readonly string[]): Promise<BoardProcess> {
  const { child, ready } = await start('virtual-board', options);
  const [address] = ready.addresses ?? [];
  if (address === undefined) throw new Error('the virtual board has no address');
  return {
    address,
    cutPower: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    end: () => void child.kill('SIGINT'),
  };
}

export interface ServiceProcess {
  readonly url: string;
  end(): Promise<void>;
}

/** @param options of `mmfree serve` @throws Error if it does not start */
export async function startService(options: readonly string[]): Promise<ServiceProcess> {
  const { child, ready } = await start('serve', ['--port', '0', ...options]);
  if (ready.url === undefined) throw new Error('the service has no address');
  return {
    url: ready.url,
    end: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function start(command: string, options: readonly string[]): Promise<OwnProcess> {
  const child = spawn(process.execPath, [MAIN, command, '--json', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as OwnProcess['ready'] & { readonly type: string };
    if (event.type === 'ready') return { child, ready: event };
  }
  throw new Error(`mmfree ${command} did not start`);
}
