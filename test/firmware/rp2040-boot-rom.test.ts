/**
 * The RP2040's own boot ROM, in rp2040js, gets firmware and image over PICOBOOT. The ROM (BSD-3-Clause) is in no
 * package, so this runs only where a file with it is named:
 *
 *   curl -O https://raw.githubusercontent.com/wokwi/rp2040js/v1.3.3/demo/bootrom.ts
 *   MMFREE_RP2040_ROM=$PWD/bootrom.ts npx vitest run test/firmware/rp2040-boot-rom.test.ts
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { PicobootClient } from '../../device/picoboot/picoboot-client.js';
import { programFlash } from '../../device/picoboot/program-flash.js';
import type { UsbDevice, UsbDeviceInfo, UsbHost } from '../../device/usb/usb-device.js';
import { memoryStore } from '../../firmware-host/firmware/flash/flash-store.js';
import { factoryPieces } from '../../firmware-host/virtual/pico/pico-flash.js';
import { boardErrorOf } from '../helpers/fake-usb.js';
import { goodImage } from '../helpers/good-image.js';
import { PicoHost } from '../helpers/pico-host.js';
import { PicoOnUsb } from '../helpers/pico-on-usb.js';
import { readRom, RomChip } from '../helpers/rp2040-rom-chip.js';

const ROM = process.env['MMFREE_RP2040_ROM'];
const FIRMWARE = readFileSync(fileURLToPath(new URL('../../firmware/prebuilt/rp2040.bin', import.meta.url)));
const FLASH_BYTES = 2 * 2 ** 20;
const RESTART_CYCLES = 48e6;

it.skipIf(ROM === undefined)(
  'the boot ROM itself writes a board, and refuses what it must',
  { timeout: 3_600_000 },
  async () => {
    const bits = new Uint8Array(FLASH_BYTES).fill(0xff);
    // What was there before.
    bits.fill(0x5a, 0, 8192);
    const chip = new RomChip(readRom(ROM!), memoryStore(bits));
    const usb = hostOf(chip);
    const image = goodImage(1, { name: 'new' });
    const client = await PicobootClient.open(usb, (await usb.list())[0]!);
    // It acknowledges an erasure that it refuses, and does nothing; of a read it says why.
    await client.exitXip();
    await client.erase(0x1000_0100, 4096);
    expect(bits.subarray(0, 8192).every((byte) => byte === 0x5a)).toBe(true);
    expect((await boardErrorOf(client.read(0x3000_0000, 256))).reason).toContain('INVALID_ADDRESS');
    expect((await boardErrorOf(client.reboot('rp2350'))).reason).toContain('UNKNOWN_CMD');
    const pieces = factoryPieces(FIRMWARE, image);
    await programFlash(client, pieces);
    for (const { address, bytes } of pieces) {
      const from = address - 0x1000_0000;
      expect(Buffer.compare(bits.subarray(from, from + bytes.length), bytes)).toBe(0);
    }
    expect(await programFlash(client, pieces)).toMatchObject({ writtenBytes: 0 });
    await client.reboot('rp2040');
    await client.close();
    chip.run(RESTART_CYCLES);
    expect(chip.end).toBe('restart');
    // What it has written starts.
    expect(new PicoHost(memoryStore(bits)).hello()).toMatchObject({ board: 'rp2040', image: { name: 'new' } });
  },
);

it.skipIf(ROM === undefined)('the boot ROM does not end a write that it refuses, but has its reason', async () => {
  const usb = hostOf(new RomChip(readRom(ROM!), memoryStore(new Uint8Array(FLASH_BYTES))));
  const client = await PicobootClient.open(usb, (await usb.list())[0]!);
  const { reason } = await boardErrorOf(client.write(0x1000_0001, new Uint8Array(256)));
  expect(reason).toContain('BAD_ALIGNMENT');
});

/** The packets of the chip's host as WebUSB shows devices. */
function hostOf(chip: RomChip): UsbHost {
  const ends = new PicoOnUsb(chip);
  ends.configure();
  const transfer = (endpoint: number, data: Uint8Array, length: number): ReturnType<PicoOnUsb['transfer']> =>
    ends.transfer({ endpoint, data, length });
  const device: UsbDevice = {
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
    reset: () => Promise.resolve(),
    claimInterface: () => Promise.resolve(),
    selectAlternateInterface: () => Promise.resolve(),
    controlTransferIn: ({ requestType, recipient, ...setup }, length) => {
      const bytes = ends.control({ ...setup, requestType: 0x80 | typeOf(requestType, recipient), length });
      return Promise.resolve(
        bytes === 'stall' ? { status: 'stall' } : { status: 'ok', data: new DataView(Uint8Array.from(bytes).buffer) },
      );
    },
    controlTransferOut: ({ requestType, recipient, ...setup }, data) => {
      const end = ends.control({ ...setup, requestType: typeOf(requestType, recipient), data });
      return Promise.resolve({ status: end === 'stall' ? end : 'ok', bytesWritten: data.length });
    },
    transferIn: async (endpoint, length) => {
      try {
        const bytes = transfer(endpoint | 0x80, new Uint8Array(0), length);
        return bytes === 'stall'
          ? { status: 'stall' }
          : { status: 'ok', data: new DataView(Uint8Array.from(bytes).buffer) };
      } catch {
        // It does not end: who waits for it has a time of their own.
        return await new Promise<never>(() => {});
      }
    },
    transferOut: (endpoint, data) => {
      const end = transfer(endpoint, data, 0);
      return Promise.resolve(
        end === 'stall' ? { status: end, bytesWritten: 0 } : { status: 'ok', bytesWritten: data.length },
      );
    },
    clearHalt: (direction, endpoint) => {
      ends.control({ requestType: 0x02, request: 1, index: endpoint | (direction === 'in' ? 0x80 : 0) });
      return Promise.resolve();
    },
  };
  const info: UsbDeviceInfo = {
    path: '1-1',
    vendor: 0x2e8a,
    product: 3,
    release: 0x100,
    serial: '',
    name: '',
    interfaces: [],
    address: 1,
  };
  return {
    nameOf: () => 'rom',
    list: () => Promise.resolve([info]),
    device: () => Promise.resolve(device),
    hasPort: () => false,
    openPort: () => Promise.reject(new Error('it has no port')),
    close: () => Promise.resolve(),
  };
}

function typeOf(type: 'standard' | 'class' | 'vendor', recipient: string): number {
  return ({ standard: 0, class: 0x20, vendor: 0x40 } as const)[type] | (recipient === 'interface' ? 1 : 0);
}
