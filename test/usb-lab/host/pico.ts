/**
 * An emulated Pico for the scenario of that name, on this computer because the guest is too slow to emulate one; it is
 * offered by USB/IP, and the guest reaches it over its network.
 */

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CHECKOUT, RUN } from './folders.js';
import { LabError } from './lab-error.js';

export interface HostedPico {
  /** Of its server. */
  readonly tcpPort: number;
  readonly stop: () => void;
}

/** Starts it with the smallest model. @throws LabError */
export async function startPico(): Promise<HostedPico> {
  const image = join(RUN, 'models/dot.mmfree');
  const args = ['virtual-board', '--json', '--pico', '--image', image, '--usbip', '127.0.0.1:0'];
  const child = spawn(process.execPath, [join(CHECKOUT, 'dist/cli/main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr.pipe(createWriteStream(join(RUN, 'pico-host.log')));
  const stop = (): void => void child.kill();
  for await (const line of createInterface(child.stdout)) {
    const event = JSON.parse(line) as { type: string; usb?: readonly { port: number }[] };
    const [usb] = event.usb ?? [];
    if (event.type === 'ready' && usb !== undefined) return { tcpPort: usb.port, stop };
  }
  throw new LabError('the emulated Pico does not start', `its log: ${join(RUN, 'pico-host.log')}`);
}
