/**
 * An emulated Pico for the scenario of that name, on this computer because the guest is too slow to emulate one; it is
 * offered by USB/IP, and the guest reaches it over its network.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { PicoBoard } from '../../../firmware-host/virtual/pico/pico-board.js';
import { picoFlash } from '../../../firmware-host/virtual/pico/pico-flash.js';
import { BootDevice } from '../../../firmware-host/virtual/pico-boot/boot-device.js';
import { UsbIpServer } from '../../../firmware-host/virtual/usbip/usbip-server.js';
import { CHECKOUT, RUN } from './folders.js';
import { say } from './say.js';

export interface HostedPico {
  /** Of its server. */
  readonly tcpPort: number;
  readonly stop: () => void;
}

/**
 * Starts it with the smallest model. Where its firmware goes to the boot mode, it is there in that, until a host starts
 * it.
 *
 * @throws the operating system's error
 */
export async function startPico(): Promise<HostedPico> {
  const firmware = readFileSync(join(CHECKOUT, 'firmware/prebuilt/rp2040.bin'));
  const image = readFileSync(join(RUN, 'models/dot.mmfree'));
  const server = await UsbIpServer.open('127.0.0.1', 0);
  const flash = memoryStore(picoFlash(firmware, image));
  const port = server.addPort();
  let board: PicoBoard;
  const run = (): void => {
    board = new PicoBoard({
      flash,
      usb: port,
      onRestart: () => say('the emulated Pico has started again'),
      onEnd: (why) => {
        if (why === 'boot-mode') boot();
        else say(`the emulated Pico has ended: ${String(why)}`);
      },
    });
  };
  const boot = (): void => {
    const device = new BootDevice({
      chip: 'rp2040',
      flash,
      after: (delayMs, then) => void setTimeout(then, delayMs),
      onReady: () => port.flush(),
      onReboot: () => {
        port.unplug();
        run();
      },
    });
    port.plug(device, () => {});
  };
  run();
  await board!.isOnUsb;
  return {
    tcpPort: server.address.port,
    stop: () => {
      board.stop();
      server.close();
    },
  };
}
