/** `mmfree virtual-board --pico --boot`: a Pico in boot mode, which gets its firmware over PICOBOOT. */
import { once } from 'node:events';
import type { FlashStore } from '../../../firmware-host/firmware/flash/flash-store.js';
import { BootDevice } from '../../../firmware-host/virtual/pico-boot/boot-device.js';
import type { UsbIpPort } from '../../../firmware-host/virtual/usbip/usbip-server.js';

/** Is in the port until a host has it start what is in its flash. @throws the signal's reason */
export async function untilStarted(flash: FlashStore, port: UsbIpPort, signal: AbortSignal): Promise<void> {
  const started = new AbortController();
  const device = new BootDevice({
    chip: 'rp2040',
    flash,
    after: (delayMs, run) => void setTimeout(run, delayMs),
    onReady: () => port.flush(),
    onReboot: () => started.abort(),
  });
  port.plug(device, () => {});
  try {
    const isOver = AbortSignal.any([signal, started.signal]);
    if (!isOver.aborted) await once(isOver, 'abort');
    signal.throwIfAborted();
  } finally {
    port.unplug();
  }
}
