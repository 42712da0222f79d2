/**
 * What may happen once a file is through: every way in which a device falls silent, at every moment, whatever its
 * descriptors promise. Each used to be an error at one of them; then the same file was sent again and again.
 */

import { afterAll, describe, expect, it } from 'vitest';
import { openDfu } from '../../../device/dfu/dfu-device.js';
import { sendFile } from '../../../device/dfu/dfu-transfer.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { figure } from '../../helpers/counts.js';
import { FakeDfuDevice } from '../../helpers/fake-dfu-device.js';
import type { FakeDfuOptions } from '../../helpers/fake-dfu-device.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';
import type { Answer, RawSetup } from '../../helpers/fake-usb.js';

const FILE = Uint8Array.from({ length: 3000 }, (_, index) => (index * 7) % 251);

/** Bits of `bmAttributes`: download and upload, with or without manifestation tolerant. */
const ATTRIBUTES = { tolerant: 7, 'not tolerant': 3 } as const;

/** Less than any time in which something must make progress; the wait for one last answer takes 2 s. */
const SHORT_MS = 2500;

type Moment = 'at the zero-length packet' | 'behind it, asked before dfuMANIFEST' | 'in dfuMANIFEST' | 'read back';

const isDownloadEnd = ({ requestType, request, length }: RawSetup): boolean =>
  requestType === 0x21 && request === 1 && length === 0;
const isStatus = ({ requestType, request }: RawSetup): boolean => requestType === 0xa1 && request === 3;
const isUpload = ({ requestType, request }: RawSetup): boolean => requestType === 0xa1 && request === 2;

/** From a moment on every request of the class gets the same answer. */
function from(moment: Moment, answer: Answer): NonNullable<FakeDfuOptions['instead']> {
  let isEnded = false;
  let statusRequests = 0;
  let hasBegun = false;
  return (setup) => {
    if ((setup.requestType & 0x60) !== 0x20) return undefined;
    const wasEnded = isEnded;
    isEnded ||= isDownloadEnd(setup);
    if (wasEnded && isStatus(setup)) statusRequests++;
    hasBegun ||=
      (moment === 'at the zero-length packet' && isEnded) ||
      (moment === 'behind it, asked before dfuMANIFEST' && statusRequests === 1) ||
      (moment === 'in dfuMANIFEST' && statusRequests === 2) ||
      (moment === 'read back' && isUpload(setup));
    return hasBegun ? answer : undefined;
  };
}

interface Sent {
  readonly end: string;
  readonly fake: FakeDfuDevice;
  /** From the end of the file on. */
  readonly tookMs: number;
}

async function send(options: Omit<FakeDfuOptions, 'now'>): Promise<Sent> {
  const usb = new FakeUsb();
  const fake = new FakeDfuDevice({ now: () => usb.clock.now(), memoryBytes: FILE.length, manifestMs: 10, ...options });
  usb.plug('1-1', fake);
  let endMs = 0;
  usb.onRequest = ({ setup }) => {
    if (setup !== undefined && isDownloadEnd(setup)) endMs = usb.clock.now();
    return 'go-on';
  };
  const work = async (): Promise<string> => {
    const { client } = await openDfu(usb, usb.info('1-1'), usb.info('1-1'), { clock: usb.clock });
    return await sendFile(client, memorySource(FILE));
  };
  const end = await usb.clock.until(work());
  return { end, fake, tookMs: usb.clock.now() - endMs };
}

const ANSWERS = { disconnect: 'gone', STALL: 'stall', 'time-out': 'nothing', EPROTO: 'fault' } as const;
type Failure = keyof typeof ANSWERS;
type Tolerance = keyof typeof ATTRIBUTES;

let combinations = 0;

afterAll(() => {
  figure(
    'devices: combinations of what fails, on whose device and when behind the last byte; whole, and no error',
    `${combinations}`,
  );
});

describe('when all bytes are through', () => {
  it.each<[Failure, Tolerance, Moment, end: string, resets: number]>([
    ['disconnect', 'tolerant', 'at the zero-length packet', 'restarted', 0],
    ['disconnect', 'tolerant', 'behind it, asked before dfuMANIFEST', 'restarted', 0],
    ['disconnect', 'tolerant', 'in dfuMANIFEST', 'restarted', 0],
    ['disconnect', 'not tolerant', 'at the zero-length packet', 'restarted', 0],
    ['disconnect', 'not tolerant', 'behind it, asked before dfuMANIFEST', 'restarted', 0],
    ['disconnect', 'not tolerant', 'in dfuMANIFEST', 'restarted', 0],
    ['STALL', 'tolerant', 'at the zero-length packet', 'restarted', 0],
    ['STALL', 'tolerant', 'behind it, asked before dfuMANIFEST', 'restarted', 0],
    // It has said that it manifests, and its time is over: A.2.9, whatever its descriptor says.
    ['STALL', 'tolerant', 'in dfuMANIFEST', 'restarted', 1],
    ['STALL', 'not tolerant', 'at the zero-length packet', 'restarted', 0],
    ['STALL', 'not tolerant', 'behind it, asked before dfuMANIFEST', 'restarted', 0],
    ['STALL', 'not tolerant', 'in dfuMANIFEST', 'restarted', 1],
    ['time-out', 'tolerant', 'at the zero-length packet', 'restarted', 0],
    ['time-out', 'tolerant', 'behind it, asked before dfuMANIFEST', 'restarted', 0],
    ['time-out', 'tolerant', 'in dfuMANIFEST', 'restarted', 1],
    ['time-out', 'not tolerant', 'at the zero-length packet', 'restarted', 0],
    ['time-out', 'not tolerant', 'behind it, asked before dfuMANIFEST', 'restarted', 0],
    ['time-out', 'not tolerant', 'in dfuMANIFEST', 'restarted', 1],
    ['EPROTO', 'tolerant', 'at the zero-length packet', 'restarted', 0],
    ['EPROTO', 'tolerant', 'behind it, asked before dfuMANIFEST', 'restarted', 0],
    ['EPROTO', 'tolerant', 'in dfuMANIFEST', 'restarted', 1],
    ['EPROTO', 'not tolerant', 'at the zero-length packet', 'restarted', 0],
    ['EPROTO', 'not tolerant', 'behind it, asked before dfuMANIFEST', 'restarted', 0],
    ['EPROTO', 'not tolerant', 'in dfuMANIFEST', 'restarted', 1],
    ['disconnect', 'tolerant', 'read back', 'not-read', 0],
    ['STALL', 'tolerant', 'read back', 'not-read', 0],
    ['time-out', 'tolerant', 'read back', 'not-read', 0],
    ['EPROTO', 'tolerant', 'read back', 'not-read', 0],
  ])('a %s of a device that is %s, %s, is no failure', async (failure, tolerance, moment, end, resets) => {
    const sent = await send({ attributes: ATTRIBUTES[tolerance], instead: from(moment, ANSWERS[failure]) });
    expect([sent.end, sent.fake.resets]).toEqual([end, resets]);
    expect(sent.fake.memories[0]).toEqual(FILE);
    // A silent device is given one last answer at each of two questions at most.
    expect(sent.tookMs).toBeLessThan(moment === 'read back' ? 2 * SHORT_MS : SHORT_MS);
    combinations++;
  });

  it.each<[string, Omit<FakeDfuOptions, 'now'>, string]>([
    ['answers no status but garbage', { instead: from('in dfuMANIFEST', Uint8Array.of(1, 2, 3)) }, 'restarted'],
    [
      'gives back nothing at all',
      { instead: (setup) => (isUpload(setup) ? new Uint8Array(0) : undefined) },
      'not-read',
    ],
    [
      'refuses the zero-length packet alone',
      { instead: (setup) => (isDownloadEnd(setup) ? 'stall' : undefined) },
      'compared',
    ],
    ['calls itself tolerant, and waits for a reset', { instead: waitsForReset() }, 'restarted'],
    ['calls itself not tolerant, and goes to dfuIDLE', { attributes: 3, instead: goesToIdle() }, 'compared'],
  ])('a device that %s has it all the same', async (_, options, end) => {
    const sent = await send(options);
    expect(sent.end).toBe(end);
    expect(sent.fake.memories[0]).toEqual(FILE);
  });

  it.each<Moment>(['behind it, asked before dfuMANIFEST', 'in dfuMANIFEST'])(
    'an error status of the device is one: %s',
    async (moment) => {
      const error = await boardErrorOf(send({ instead: from(moment, Uint8Array.of(7, 0, 0, 0, 10, 0)) }));
      expect([error.code, error.facts['dfu_status_name']]).toEqual(['board-write-failed', 'errVERIFY']);
    },
  );

  it('silence is none as long as the device has asked for the time', async () => {
    // It is asked once more when the patience is over, and has not said that it is through.
    const error = await boardErrorOf(send({ manifestMs: 60_000 }));
    expect([error.code, error.message]).toEqual(['board-broken', expect.stringContaining('makes no progress')]);
  });
});

/** Its descriptor says 1 for manifestation tolerant, its state the truth. */
function waitsForReset(): NonNullable<FakeDfuOptions['instead']> {
  return (setup, _, device) => {
    if (!isStatus(setup) || device.manifestations === 0) return undefined;
    return Uint8Array.of(0, 0, 0, 0, 8, 0);
  };
}

function goesToIdle(): NonNullable<FakeDfuOptions['instead']> {
  return (setup, _, device) => {
    if (device.manifestations > 0 && device.state === 'dfuMANIFEST-WAIT-RESET') device.state = 'dfuIDLE';
    return isStatus(setup) && device.state === 'dfuIDLE' ? Uint8Array.of(0, 0, 0, 0, 2, 0) : undefined;
  };
}
