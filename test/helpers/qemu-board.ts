/**
 * The board of firmware/ as it is compiled for a microcontroller, in QEMU: tests of it are skipped where its tools are
 * not, and say so.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { buildFirmware } from '../../firmware-host/tools/build-firmware.js';
import { logAndSlot } from '../../firmware-host/virtual/pico/pico-flash.js';

const PROGRAMS = ['arm-none-eabi-gcc', 'qemu-system-arm'];

export const HAS_QEMU = PROGRAMS.every((program) => spawnSync(program, ['--version']).status === 0);

if (!HAS_QEMU) console.warn(`SKIPPED: firmware in QEMU, because ${PROGRAMS.join(' or ')} is not installed.`);

/** Where firmware/ports/musca-b1/main.c looks for them. */
const BOOT_NONCE = 0x1001fffc;
const IMAGES = 0x10020000;

/** A port of this computer that was free. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Starts the machine with an image in its flash. @returns its selector, and what stops it */
export async function startQemuBoard(
  folder: string,
  imageFile: string,
): Promise<{ readonly selector: string; readonly stop: () => Promise<void> }> {
  const { file: program } = await buildFirmware('musca-b1', folder);
  const flash = join(folder, 'flash.bin');
  writeFileSync(flash, logAndSlot(readFileSync(imageFile)));
  const port = await freePort();
  const machine = ['-M', 'musca-b1', '-display', 'none', '-monitor', 'none', '-kernel', program];
  const loaded = ['-device', `loader,file=${flash},addr=${IMAGES},force-raw=on`];
  const nonce = ['-device', `loader,addr=${BOOT_NONCE},data=77,data-len=4`];
  const serial = ['-serial', `tcp:127.0.0.1:${port},server=on,wait=off`];
  const child = spawn('qemu-system-arm', [...machine, ...loaded, ...nonce, ...serial], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (child.exitCode === null && !(await isListening(port))) await setTimeout(50);
  return {
    selector: `tcp:127.0.0.1:${port}`,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
