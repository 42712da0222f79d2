/** Boot ROMs that answer wrongly, late or never: each in its error, in bounded time, and nothing is written there. */

import { describe, expect, it } from 'vitest';
import { PicobootClient } from '../../../device/picoboot/picoboot-client.js';
import { programFlash } from '../../../device/picoboot/program-flash.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';
import type { Answer, RawSetup } from '../../helpers/fake-usb.js';
import { PluggedBootMode } from '../../helpers/plugged-boot-mode.js';
import type { Trick } from '../../helpers/plugged-boot-mode.js';

const FLASH = 0x1000_0000;
const FLASH_BYTES = 64 * 1024;
const SECTOR_BYTES = 4096;
const BYTES = Uint8Array.from({ length: 3 * SECTOR_BYTES }, (_, index) => (index * 7) % 251);
const GET_STATUS = 0x42;
const COMMAND_BYTES = 32;

/** Fails. @returns code, reason and flash */
async function failing(prepare: (boot: PluggedBootMode) => void): Promise<{
  readonly code: string;
  readonly reason: string;
  readonly bits: Uint8Array;
  readonly ms: number;
}> {
  const usb = new FakeUsb();
  const boot = new PluggedBootMode(usb.clock, { bits: new Uint8Array(FLASH_BYTES).fill(0x5a) });
  usb.plug('1-1', boot);
  prepare(boot);
  const startMs = usb.clock.now();
  const work = async (): Promise<void> => {
    const client = await PicobootClient.open(usb, usb.info('1-1'), { clock: usb.clock });
    try {
      await programFlash(client, [{ address: FLASH, bytes: BYTES }]);
    } finally {
      await client.close();
    }
  };
  const { code, reason } = await boardErrorOf(usb.clock.until(work()));
  return { code, reason, bits: boot.bits, ms: usb.clock.now() - startMs };
}

/** The command with this number, or none. */
function idOf(bytes: Uint8Array): number | undefined {
  return bytes.length === COMMAND_BYTES && bytes[0] === 0x0b && bytes[1] === 0xd1 ? bytes[8] : undefined;
}

/** At a command. */
function at(id: number, trick: Trick): (bytes: Uint8Array) => Trick {
  return (bytes) => (idOf(bytes) === id ? trick : undefined);
}

/** With this status of whatever command came last. */
function status(code: number, token?: number): (setup: RawSetup, answer: Answer) => Answer {
  return ({ request }, answer) => {
    if (request !== GET_STATUS || !(answer instanceof Uint8Array)) return answer;
    const changed = answer.slice();
    const view = new DataView(changed.buffer);
    view.setUint32(4, code, true);
    if (token !== undefined) view.setUint32(0, token, true);
    return changed;
  };
}

const COMMANDS = [
  ['exclusive access', 0x01],
  ['leaving XIP', 0x06],
  ['a read', 0x84],
  ['an erasure', 0x03],
  ['a write', 0x05],
] as const;

describe('a boot ROM', () => {
  it.each(COMMANDS)('that never takes %s is given up', async (_, id) => {
    const { code, ms } = await failing((boot) => (boot.onWrite = at(id, 'nothing')));
    expect(code).toBe('board-silent');
    expect(ms).toBeLessThan(20_000);
  });

  it.each(COMMANDS)('that stalls %s without a reason breaks its protocol', async (_, id) => {
    const { code, reason } = await failing((boot) => (boot.onWrite = at(id, 'stall')));
    expect(code).toBe('board-broken');
    expect(reason).toContain('gives no reason');
  });

  it.each([
    [4, 'board-write-failed', 'INVALID_ADDRESS'],
    [8, 'board-write-failed', 'UNKNOWN_ERROR'],
    [10, 'board-write-protected', 'NOT_PERMITTED'],
    [4711, 'board-write-failed', 'status 4711'],
  ])('that refuses an erasure with status %i is quoted', async (number, expected, text) => {
    const { code, reason } = await failing((boot) => {
      boot.onWrite = (bytes) => (idOf(bytes) === 0x03 ? damagedLength(boot, bytes) : undefined);
      boot.onVendor = status(number);
    });
    expect(code).toBe(expected);
    expect(reason).toContain(text);
    expect(reason).toContain('0x10000000');
  });

  it.each([
    ['that does not end a write which it refuses is asked for the reason', 0x05, 'BAD_ALIGNMENT'],
    ['that stalls a read is asked for the reason', 0x84, 'BAD_ALIGNMENT'],
  ])('%s', async (_, id, text) => {
    const { code, reason } = await failing((boot) => {
      // One byte behind where it should be.
      boot.onWrite = (bytes) => {
        if (idOf(bytes) === id) bytes[16]! |= 1;
        return undefined;
      };
    });
    expect(code).toBe('board-write-failed');
    expect(reason).toContain(text);
  });

  it('that tells the status of another command is not believed', async () => {
    const { code } = await failing((boot) => {
      boot.onWrite = (bytes) => (idOf(bytes) === 0x03 ? damagedLength(boot, bytes) : undefined);
      boot.onVendor = status(4, 999);
    });
    expect(code).toBe('board-broken');
  });

  it.each([
    ['no status', 'stall'],
    ['half a status', new Uint8Array(8)],
  ] as const)('that gives %s breaks its protocol', async (_, answer) => {
    const { code } = await failing((boot) => {
      boot.onWrite = at(0x84, 'stall');
      boot.onVendor = ({ request }, other) => (request === GET_STATUS ? answer : other);
    });
    expect(code).toBe('board-broken');
  });

  it('that refuses to be reset breaks its protocol', async () => {
    const { code } = await failing((boot) => (boot.onVendor = () => 'stall'));
    expect(code).toBe('board-broken');
  });

  it.each([
    [
      'gives less than it was asked for',
      (bytes: Uint8Array): Trick => (bytes.length > 0 ? bytes.subarray(1) : undefined),
    ],
    ['gives more', (bytes: Uint8Array): Trick => (bytes.length > 0 ? new Uint8Array(bytes.length + 1) : undefined)],
    ['ends a command with bytes', (bytes: Uint8Array): Trick => (bytes.length === 0 ? new Uint8Array(1) : undefined)],
  ])('that %s breaks its protocol', async (_, trick) => {
    const { code } = await failing((boot) => (boot.onRead = trick));
    expect(code).toBe('board-broken');
  });

  it('that never ends a command is given up', async () => {
    const { code } = await failing((boot) => (boot.onRead = (bytes) => (bytes.length === 0 ? 'nothing' : undefined)));
    expect(code).toBe('board-silent');
  });

  it('behind which a bit of the flash sticks starts nothing', async () => {
    let wasWritten = false;
    const { code, reason, bits } = await failing((boot) => {
      boot.onWrite = (bytes) => {
        wasWritten ||= idOf(bytes) === 0x05;
        return undefined;
      };
      boot.onRead = (bytes) => {
        if (!wasWritten || bytes.length !== SECTOR_BYTES || bytes[0] !== BYTES[2 * SECTOR_BYTES]) return undefined;
        const worn = bytes.slice();
        worn[9]! ^= 1;
        return worn;
      };
    });
    expect(code).toBe('board-write-failed');
    expect(reason).toContain('0x10002000');
    expect(bits.subarray(0, SECTOR_BYTES).every((byte) => byte === 0xff)).toBe(true);
  });
});

/** Has the ROM itself refuse the command, as it would one whose length is wrong. */
function damagedLength(boot: PluggedBootMode, bytes: Uint8Array): undefined {
  const damaged = bytes.slice();
  damaged[9] = 77;
  boot.onWrite = () => undefined;
  bytes.set(damaged);
  return undefined;
}
