/**
 * The guest: QEMU, always emulating (`tcg`): where /dev/kvm exists it may be unable to boot a stock kernel although its
 * calls succeed. A processor without AVX, whose emulation costs more than it saves.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { RUN } from './folders.js';
import type { Kernel } from './kernel.js';

/**
 * On a busy computer the kernel may find in the tenth of a second that it waits for it that it has no timer. Nobody
 * attacks it: apart page tables for programs and the kernel cost an emulator its translations at each system call.
 */
const KERNEL_OPTIONS = 'no_timer_check net.ifnames=0 mitigations=off';

export interface MachineOptions {
  readonly kernel: Kernel;
  readonly initramfs: string;
  /** A number, or `shell` for a shell on this terminal instead of the scenarios. */
  readonly name: string;
  /** TCP port of the emulated Pico on this computer, if there is one. */
  readonly picoPort: number | undefined;
  /** Ends the machine. */
  readonly signal: AbortSignal;
}

/** Runs the guest until it switches itself off. @returns what QEMU said, if anything went wrong with it */
export async function runMachine({ kernel, initramfs, name, picoPort, signal }: MachineOptions): Promise<string> {
  const shell = name === 'shell';
  const child = spawn('qemu-system-x86_64', machineArguments(kernel, initramfs, name, picoPort), {
    stdio: [shell ? 'inherit' : 'ignore', shell ? 'inherit' : 'ignore', 'pipe'],
    // Not by killing: QEMU leaves terminal and files in order when it is asked to end.
    signal,
    killSignal: 'SIGTERM',
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    return status === 0 ? '' : `QEMU ended with ${status ?? 'a signal'}. ${stderr}`.trim();
  } catch (error) {
    return signal.aborted ? '' : String(error);
  }
}

function machineArguments(kernel: Kernel, initramfs: string, name: string, picoPort = 0): string[] {
  const share = (tag: string, path: string, options: string): string[] => [
    '-fsdev',
    `local,id=${tag},path=${escaped(path)},security_model=none,${options}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ];
  const groups = [
    ['-nodefaults', '-no-user-config', '-nographic', '-no-reboot'],
    ['-machine', 'q35', '-accel', 'tcg,tb-size=512', '-cpu', 'Nehalem', '-smp', '1', '-m', '1024'],
    ['-kernel', kernel.image, '-initrd', initramfs],
    ['-append', `console=ttyS0 panic=-1 quiet ${KERNEL_OPTIONS} MACHINE=${name} PICO=${picoPort}`],
    ['-serial', name === 'shell' ? 'mon:stdio' : `file:${join(RUN, `console-${name}.log`)}`],
    // Files of several disks of this computer may be below /.
    share('disk', '/', 'readonly=on,multidevs=remap'),
    share('run', RUN, 'multidevs=remap'),
    ['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='],
    ['-device', 'virtio-rng-pci'],
  ];
  return groups.flat();
}

/** QEMU separates options by commas; a double one is a comma. */
function escaped(path: string): string {
  return path.replaceAll(',', ',,');
}
