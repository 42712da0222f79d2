/**
 * Makes a board of a microcontroller in boot mode: firmware and image over PICOBOOT, then the board proves over its
 * serial port what it runs, as after any flash. docs/PICO.md.
 */

import type { ImageFile } from '../model/image-file.js';
import { checkingMs } from './checking-time.js';
import { systemClock } from './clock.js';
import type { Clock } from './clock.js';
import { flashOverUsb } from './flash-over-usb.js';
import type { UsbFlashOptions, UsbFlashResult } from './flash-over-usb.js';
import { PicobootClient } from './picoboot/picoboot-client.js';
import { compareFlash, programFlash } from './picoboot/program-flash.js';
import type { FlashPiece, ProgramResult } from './picoboot/program-flash.js';
import { OUR_PRODUCT, OUR_VENDOR } from './usb/ids.js';
import type { BootMode } from './usb/ids.js';
import { openPort } from './usb/open-port.js';
import { findSame } from './usb/same-device.js';
import type { DeviceIdentity } from './usb/same-device.js';
import type { UsbDeviceInfo, UsbHost } from './usb/usb-device.js';
import { usbLost } from './usb/usb-error.js';

export interface BootModeBoard {
  readonly host: UsbHost;
  readonly info: UsbDeviceInfo;
  readonly chip: BootMode['chip'];
}

export interface BootModeFlash {
  readonly image: ImageFile;
  /** Where firmware and image go, the firmware first. */
  readonly pieces: readonly FlashPiece[];
}

/** Until a board that starts is on USB, besides the time in which it checks its image. */
const START_MS = 10_000;

/**
 * @param flash the image checked (`ImageFile.openChecked`)
 * @throws BoardError; AbortError. Until everything is written the board stays in boot mode, and comes back in it.
 */
export async function flashInBootMode(
  { host, info, chip }: BootModeBoard,
  { image, pieces }: BootModeFlash,
  options: UsbFlashOptions = {},
): Promise<UsbFlashResult> {
  const { clock = systemClock, signal, onProgress } = options;
  try {
    const written = await program({ host, info, chip }, pieces, {
      clock,
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    });
    const limitMs = START_MS + checkingMs(image.view.fileLength);
    const board = await whenItRuns(host, info, { clock, signal, limitMs });
    const { onProgress: _, ...quiet } = options;
    const proof = await flashOverUsb({ host, info: board }, image, quiet);
    return written.writtenBytes === 0 ? proof : { ...proof, ...written, outcome: 'flashed' };
  } finally {
    await host.close();
  }
}

/** How many bytes {@link flashInBootMode} would write. @throws BoardError; AbortError */
export async function planInBootMode(
  { host, info }: BootModeBoard,
  pieces: readonly FlashPiece[],
  signal?: AbortSignal,
): Promise<{ readonly differingBytes: number; readonly totalBytes: number }> {
  const client = await PicobootClient.open(host, info, { signal });
  try {
    const { differingBytes, totalBytes } = await compareFlash(client, pieces, signal);
    return { differingBytes, totalBytes };
  } finally {
    await client.close();
    await host.close();
  }
}

async function program(
  { host, info, chip }: BootModeBoard,
  pieces: readonly FlashPiece[],
  { clock, ...options }: Pick<UsbFlashOptions, 'signal' | 'onProgress'> & { readonly clock: Clock },
): Promise<ProgramResult> {
  const client = await PicobootClient.open(host, info, { clock, signal: options.signal });
  try {
    const result = await programFlash(client, pieces, options);
    await client.reboot(chip);
    return result;
  } finally {
    await client.close();
  }
}

/** The boot ROM's serial number is another one than the firmware's: a board is where it was. */
async function whenItRuns(
  host: UsbHost,
  { path }: UsbDeviceInfo,
  wait: { readonly clock: Clock; readonly signal: AbortSignal | undefined; readonly limitMs: number },
): Promise<UsbDeviceInfo> {
  const identity: DeviceIdentity = { path, vendor: OUR_VENDOR, product: OUR_PRODUCT, serial: '', name: 'the board' };
  const port = await openPort(host, identity, wait);
  await port.close();
  const info = findSame(await host.list(wait.signal), identity);
  if (info === undefined) throw usbLost('the board', `It has left ${path}.`);
  return info;
}
