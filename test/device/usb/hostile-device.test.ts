/** A device that does anything: it is refused with a clear error, in a bounded time, and nothing crashes. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDfu } from '../../../device/dfu/dfu-device.js';
import { sendFile } from '../../../device/dfu/dfu-transfer.js';
import { memorySource } from '../../../protocol/byte-source.js';
import { FakeDfuDevice } from '../../helpers/fake-dfu-device.js';
import type { FakeDfuOptions, State } from '../../helpers/fake-dfu-device.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';
import type { Answer, RawSetup } from '../../helpers/fake-usb.js';

const FILE = new Uint8Array(3000).fill(7);

/** More than any sound flash of that size takes, and more than every patience on the way together. */
const BOUND_MS = 180_000;

type Options = Omit<FakeDfuOptions, 'now'>;

/** Flashes the device; fails the test if that takes longer than the bound, whatever the device does. */
async function flash(usb: FakeUsb): Promise<string> {
  const work = async (): Promise<string> => {
    const { client } = await openDfu(usb, usb.info('1-1'), usb.info('1-1'), { clock: usb.clock });
    return await sendFile(client, memorySource(FILE));
  };
  return await usb.clock.until(work(), BOUND_MS);
}

function hostile(options: Options): FakeUsb {
  const usb = new FakeUsb();
  usb.plug('1-1', new FakeDfuDevice({ now: () => usb.clock.now(), ...options }));
  return usb;
}

const STATES = [
  'appIDLE',
  'appDETACH',
  'dfuIDLE',
  'dfuDNLOAD-SYNC',
  'dfuDNBUSY',
  'dfuDNLOAD-IDLE',
  'dfuMANIFEST-SYNC',
  'dfuMANIFEST',
  'dfuMANIFEST-WAIT-RESET',
  'dfuUPLOAD-IDLE',
  'dfuERROR',
] as const satisfies readonly State[];

const isStatus = ({ requestType, request }: RawSetup): boolean => requestType === 0xa1 && request === 3;

describe('a device that', () => {
  it.each<[string, Options, string]>([
    [
      'is busy for ever, to be asked at once',
      { instead: (s) => (isStatus(s) ? bytes(0, 0, 0, 0, 4, 0) : undefined) },
      'board-broken',
    ],
    ['is busy for ever, to be asked in 4.6 hours', { busyMs: 0xffffff }, 'board-broken'],
    ['is busy with a block for ever', { instead: busyOnceIdle(4, 3) }, 'board-broken'],
    ['is busy with its manifestation for ever', { manifestMs: 0xffffff }, 'board-broken'],
    [
      'has a status that there is not',
      { instead: (s) => (isStatus(s) ? bytes(16, 0, 0, 0, 2, 0) : undefined) },
      'board-broken',
    ],
    [
      'has a state that there is not',
      { instead: (s) => (isStatus(s) ? bytes(0, 0, 0, 0, 11, 0) : undefined) },
      'board-broken',
    ],
    [
      'has a status of five bytes',
      { instead: (s) => (isStatus(s) ? bytes(0, 0, 0, 0, 2) : undefined) },
      'board-broken',
    ],
    ['refuses to tell its status', { instead: (s) => (isStatus(s) ? 'stall' : undefined) }, 'board-broken'],
    ['says nothing at all', { instead: () => 'nothing' }, 'board-silent'],
    [
      'says nothing when asked for its status',
      { instead: (s) => (isStatus(s) ? 'nothing' : undefined) },
      'board-silent',
    ],
    [
      'never comes to dfuIDLE',
      { instead: (s) => (isStatus(s) ? bytes(3, 0, 0, 0, 10, 0) : undefined) },
      'board-broken',
    ],
    [
      'has an endless memory of errors',
      {
        instead: (_setup, _answer, d) => {
          d.status = 7;
          d.state = 'dfuERROR';
          return undefined;
        },
      },
      'board-broken',
    ],
    ['stalls everything', { instead: () => 'stall' }, 'board-broken'],
    ['answers everything with nothing', { instead: () => bytes() }, 'board-broken'],
    ['answers with more than was asked for', { instead: ({ length }) => new Uint8Array(length + 1) }, 'board-broken'],
    ['takes blocks of no bytes', { transferSize: 0 }, 'board-broken'],
    [
      'claims 255 configurations, and has one',
      {
        instead: (s, a) =>
          s.value === 0x0100 && a instanceof Uint8Array && a.length > 17 ? a.with(17, 255) : undefined,
      },
      'board-broken',
    ],
    [
      'has the serial number of another',
      { instead: (s) => (s.value === 0x0303 ? bytes(4, 3, 65, 0) : undefined) },
      'board-lost',
    ],
  ])('%s', async (_, options, code) => {
    const error = await boardErrorOf(flash(hostile(options)));
    expect(error.code).toBe(code);
    expect(error.reason).toMatch(/^[A-Z].*\.$/s);
    expect(error.fix).not.toBe('');
  });

  it.each<[string, Options]>([
    [
      'has garbage for a serial number',
      { instead: (s) => (s.value === 0x0303 ? bytes(8, 3, 0, 0xd8, 0x1b, 0, 0x2e, 0x20) : undefined) },
    ],
    ['has a serial number that is none', { instead: (s) => (s.value === 0x0303 ? bytes(200, 3, 1) : undefined) }],
    ['has no language', { instead: (s) => (s.value === 0x0300 ? 'stall' : undefined) }],
  ])('%s is flashed all the same', async (_, options) => {
    expect(await flash(hostile(options))).toBe('compared');
  });

  it('cuts any of its descriptors short, or lies about its length, is read or refused', async () => {
    for (const value of [0x0100, 0x0200, 0x0303]) {
      for (let at = 0; at < 40; at++) {
        for (const lie of [0, 1, 255]) {
          const usb = hostile({
            settings: ['a'],
            instead: (setup, answer) => {
              if (setup.request !== 6 || setup.value !== value || !(answer instanceof Uint8Array)) return undefined;
              return lie === 1 ? answer.slice(0, at) : at < answer.length ? answer.with(at, lie) : undefined;
            },
          });
          await expectEndOrBoardError(flash(usb));
        }
      }
    }
  });

  it('goes away at any request is lost, and no other error', async () => {
    for (const options of [
      {},
      { runtime: 'reset', attributes: 3 },
      { runtime: 'will-detach', attributes: 3 },
    ] as const) {
      const whole = hostile(options);
      await flash(whole);
      for (let index = 0; index < whole.requests; index++) {
        const usb = hostile(options);
        usb.onRequest = (request) => (request.index === index ? 'unplug' : 'go-on');
        const result = await flash(usb).catch((error: unknown) => error);
        // After the last block is taken into use, going away is what such devices do.
        expect([result], `request ${index} of ${whole.requests}`).toEqual([
          expect.toSatisfy(
            (value) =>
              ['restarted', 'not-read', 'compared'].includes(value) ||
              (value as { code?: string }).code === 'board-lost',
          ),
        ]);
      }
    }
  });

  it('is in any state, at any time, leads to an error or an end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(30), fc.constantFrom(...STATES), fc.nat(15)), { minLength: 1, maxLength: 4 }),
        fc.constantFrom<Options>({}, { runtime: 'reset' }, { runtime: 'will-detach', attributes: 3 }),
        async (jumps, options) => {
          let requests = 0;
          const usb = hostile({
            ...options,
            instead: (_, __, device) => {
              const jump = jumps.find(([at]) => at === requests);
              requests++;
              if (jump !== undefined) [, device.state, device.status] = jump;
              return undefined;
            },
          });
          await expectEndOrBoardError(flash(usb));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('answers with any bytes leads to an error or an end', async () => {
    const answers = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom<Answer>('stall', 'nothing'),
      fc.tuple(fc.nat(15), fc.nat(255), fc.nat(12)).map(([status, poll, state]) => bytes(status, poll, 0, 0, state, 1)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(30), answers), { minLength: 1, maxLength: 6 }), async (lies) => {
        let requests = 0;
        const usb = hostile({
          instead: () => {
            const lie = lies.find(([at]) => at === requests);
            requests++;
            return lie?.[1];
          },
        });
        await expectEndOrBoardError(flash(usb));
      }),
      { numRuns: 500 },
    );
  });
});

/** Busy at the n-th status request, for ever. */
function busyOnceIdle(state: number, from: number): NonNullable<Options['instead']> {
  let asked = 0;
  return (setup) => (isStatus(setup) && ++asked >= from ? bytes(0, 1, 0, 0, state, 0) : undefined);
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

/** Any end but an error of the program itself. */
async function expectEndOrBoardError(work: Promise<unknown>): Promise<void> {
  const end = await work.catch((error: unknown) => error);
  if (end instanceof Error) await boardErrorOf(Promise.reject(end));
}
