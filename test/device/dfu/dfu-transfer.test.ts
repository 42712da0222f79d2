/** Files to DFU devices of other makes: a fake that was written from the standard. */

import { describe, expect, it } from 'vitest';
import { openDfu } from '../../../device/dfu/dfu-device.js';
import { sendFile } from '../../../device/dfu/dfu-transfer.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { FakeDfuDevice } from '../../helpers/fake-dfu-device.js';
import type { FakeDfuOptions } from '../../helpers/fake-dfu-device.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';

type Options = Omit<FakeDfuOptions, 'now'>;

const FILE = Uint8Array.from({ length: 5000 }, (_, index) => (index * 31) & 255);

interface Sent {
  readonly usb: FakeUsb;
  readonly fake: FakeDfuDevice;
  readonly send: (signal?: AbortSignal) => Promise<{ end: string; progress: number[] }>;
}

function setUp(options: Options = {}, file: Uint8Array = FILE): Sent {
  const usb = new FakeUsb();
  const fake = new FakeDfuDevice({ now: () => usb.clock.now(), ...options });
  usb.plug('1-1', fake);
  const send = async (signal?: AbortSignal): Promise<{ end: string; progress: number[] }> => {
    const progress: number[] = [];
    const work = async (): Promise<string> => {
      const { client } = await openDfu(usb, usb.info('1-1'), usb.info('1-1'), { clock: usb.clock, signal });
      return await sendFile(client, memorySource(file), { signal, onProgress: (done) => void progress.push(done) });
    };
    return { end: await usb.clock.until(work()), progress };
  };
  return { usb, fake, send };
}

describe('a file', () => {
  it.each([
    [1, 1],
    [1024, 1024],
    [4096, 1024],
    [5000, 64],
    [5000, 1000],
    [5000, 4096],
    // Linux takes a page at most.
    [16_000, 65_535],
  ])('of %i bytes arrives in blocks of %i', async (length, transferSize) => {
    const file = Uint8Array.from({ length }, (_, index) => (index * 7) & 255);
    const { fake, send } = setUp({ transferSize }, file);
    const { end, progress } = await send();
    expect(end).toBe('compared');
    expect(fake.memories[0]?.subarray(0, length)).toEqual(file);
    expect([fake.manifestations, fake.state]).toEqual([1, 'dfuIDLE']);
    expect(progress.at(-1)).toBe(length);
    expect(progress[0]).toBe(Math.min(length, transferSize, 4096));
  });

  it('of as many bytes as the memory has fits, and is read back to its end', async () => {
    const { send } = setUp({ memoryBytes: 5000 });
    expect((await send()).end).toBe('compared');
  });

  it('waits as long as the device says, and not shorter', async () => {
    const { usb, fake, send } = setUp({ busyMs: 250, manifestMs: 3000 });
    const startMs = usb.clock.now();
    await send();
    expect(fake.manifestations).toBe(1);
    expect(usb.clock.now() - startMs).toBeGreaterThan(5 * 250 + 3000);
    expect(usb.clock.now() - startMs).toBeLessThan(5 * 250 + 3000 + 100);
  });

  it('is taken into use by a reset, where the device needs one', async () => {
    const { fake, send } = setUp({ attributes: 3, runtime: 'reset' });
    expect((await send()).end).toBe('restarted');
    expect([fake.manifestations, fake.state]).toEqual([1, 'appIDLE']);
  });

  it('is taken into use by a device that restarts without waiting for the reset', async () => {
    const { fake, send } = setUp({ attributes: 3, runtime: 'will-detach', leavesAtManifest: true });
    expect((await send()).end).toBe('restarted');
    expect(fake.manifestations).toBe(1);
  });

  it('cannot be compared on a device that does not upload', async () => {
    expect((await setUp({ attributes: 5 }).send()).end).toBe('taken');
  });

  it('that reads back as another one was not written', async () => {
    const { send } = setUp({
      instead: ({ requestType, request, value }, answer) => {
        if (requestType !== 0xa1 || request !== 2 || value !== 3 || !(answer instanceof Uint8Array)) return undefined;
        return answer.map((byte, index) => (index === 7 ? byte ^ 1 : byte));
      },
    });
    expect(await boardErrorOf(send())).toMatchObject({ code: 'board-write-failed', facts: { offset: 3072 } });
  });

  it('ends with Ctrl-C at a block, and the device is in dfuIDLE again', async () => {
    const { usb, fake, send } = setUp();
    const stop = new AbortController();
    usb.onRequest = ({ setup }) => {
      if (setup?.requestType === 0x21 && setup.request === 1 && setup.value === 2) stop.abort();
      return 'go-on';
    };
    await expect(send(stop.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect([fake.state, fake.manifestations]).toEqual(['dfuIDLE', 0]);
  });
});

describe('what a device reports', () => {
  it.each([
    [1, 'board-other-device', 'errTARGET'],
    [2, 'board-refuses-image', 'errFILE'],
    [3, 'board-write-failed', 'errWRITE'],
    [4, 'board-write-failed', 'errERASE'],
    [5, 'board-write-failed', 'errCHECK_ERASED'],
    [6, 'board-write-failed', 'errPROG'],
    [7, 'board-write-failed', 'errVERIFY'],
    [8, 'board-image-too-large', 'errADDRESS'],
    [9, 'board-refuses-image', 'errNOTDONE'],
    [10, 'board-write-failed', 'errFIRMWARE'],
    [11, 'board-write-failed', 'errVENDOR'],
    [12, 'board-lost', 'errUSBR'],
    [13, 'board-lost', 'errPOR'],
    [14, 'board-write-failed', 'errUNKNOWN'],
    [15, 'board-write-failed', 'errSTALLEDPKT'],
  ])('as status %i is %s, with its name and what to do', async (status, code, name) => {
    const { fake, send } = setUp();
    fake.failNext = status;
    const error = await boardErrorOf(send());
    expect(error).toMatchObject({ code, facts: { dfu_status: status, dfu_status_name: name } });
    expect(error.message).toContain(name);
    expect(error.message).toContain('byte 0 is written');
    expect(error.fix.length).toBeGreaterThan(20);
  });

  it('in words of its own is passed on', async () => {
    const { fake, send } = setUp({
      instead: ({ requestType, request, value }, answer) => {
        if (requestType === 0x80 && request === 6 && value === 0x0307) {
          return Uint8Array.from([14, 3, ...Buffer.from('no\u001bpower', 'utf16le')].slice(0, 14));
        }
        if (requestType === 0xa1 && request === 3 && answer instanceof Uint8Array) return answer.with(5, 7);
        return undefined;
      },
    });
    fake.failNext = 11;
    expect((await boardErrorOf(send())).reason).toContain('It says: "nopow');
  });

  it('when the file is longer than its memory says so', async () => {
    const { send } = setUp({ memoryBytes: 3000 });
    expect((await boardErrorOf(send())).code).toBe('board-image-too-large');
  });
});

describe('Ctrl-C', () => {
  it('does not wait for a device that is busy', async () => {
    const { usb, send } = setUp({ busyMs: 20_000 });
    const stop = new AbortController();
    usb.clock.after(500, () => stop.abort());
    await expect(send(stop.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(usb.clock.now()).toBeLessThan(1000);
  });
});
