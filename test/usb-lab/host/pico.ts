/**
 * An emulated Pico for the scenario of that name, on this computer because the guest is too slow to emulate one; it is
 * offered by USB/IP, and the guest reaches it over its network.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { PicoBoard } from '../../../firmware-host/virtual/pico/pico-board.js';
import { picoFlash } from '../../../firmware-host/virtual/pico/pico-flash.js';
import { UsbIpServer } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import { CHECKOUT, RUN } from './folders.js';
import { say } from './say.js';

export interface HostedPico {
  /** Of its server. */
  readonly tcpPort: number;
  readonly stop: () => void;
}

/** Starts it with the smallest model. @throws the operating system's error */
export async function startPico(): Promise<HostedPico> {
  const firmware = readFileSync(join(CHECKOUT, 'firmware/prebuilt/rp2040.bin'));
  const image = readFileSync(join(RUN, 'models/dot.mmfree'));
  const server = await UsbIpServer.open('127.0.0.1', 0);
  const board = new PicoBoard({
    flash: memoryStore(picoFlash(firmware, image)),
    usb: server.addPort(),
    onRestart: () => say('the emulated Pico has started again'),
    onEnd: (why) => say(`the emulated Pico has ended: ${String(why)}`),
  });
  await board.isOnUsb;
  return {
    tcpPort: server.address.port,
    stop: () => {
      board.stop();
      server.close();
    },
  };
}
