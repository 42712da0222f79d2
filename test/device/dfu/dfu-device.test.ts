/** From a device that is plugged in to DFU mode and the memory that is meant. */

import { describe, expect, it } from 'vitest';
import { openDfu } from '../../../device/dfu/dfu-device.js';
import type { OpenedDfu } from '../../../device/dfu/dfu-device.js';
import { FakeDfuDevice } from '../../helpers/fake-dfu-device.js';
import type { FakeDfuOptions } from '../../helpers/fake-dfu-device.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';
import type { Answer, RawSetup } from '../../helpers/fake-usb.js';

type Options = Omit<FakeDfuOptions, 'now'>;

function device(usb: FakeUsb, options: Options = {}): FakeDfuDevice {
  return new FakeDfuDevice({ now: () => usb.clock.now(), ...options });
}

function plugged(options: Options = {}): { readonly usb: FakeUsb; readonly fake: FakeDfuDevice } {
  const usb = new FakeUsb();
  const fake = device(usb, options);
  usb.plug('1-1', fake);
  return { usb, fake };
}

async function open(usb: FakeUsb, setting?: string, path = '1-1'): Promise<OpenedDfu> {
  const info = usb.info(path);
  return await usb.clock.until(openDfu(usb, info, info, { clock: usb.clock, setting }));
}

describe('a device in DFU mode', () => {
  it.each(['each', 'last'] as const)(
    'is opened, with its functional descriptor behind %s setting',
    async (functional) => {
      const { usb } = plugged({ settings: ['boot', 'weights'], functional });
      const { client } = await open(usb, 'weights');
      expect(client.setting).toMatchObject({ alternate: 1, interfaceNumber: 0, functional: { transferSize: 1024 } });
    },
  );

  it('has its settings chosen by name, or number, or because there is one', async () => {
    const { usb } = plugged({ settings: ['boot', '0', 'flash', 'flash', '0:2'] });
    expect((await open(usb, 'boot')).client.setting.alternate).toBe(0);
    expect((await open(usb, '2')).client.setting.alternate).toBe(2);
    // Both numbers count more than a name.
    expect((await open(usb, '0:2')).client.setting.alternate).toBe(2);
    // It used to take the first one that fits, and a name before a number.
    for (const [wanted, fitting] of [
      ['0', '0:0 0:1'],
      ['flash', '0:2 0:3'],
    ] as const) {
      expect(await boardErrorOf(open(usb, wanted))).toMatchObject({
        code: 'board-ambiguous',
        facts: { settings: fitting },
      });
    }
    expect((await open(plugged({ settings: ['only'] }).usb)).client.setting.alternate).toBe(0);
  });

  it('refuses settings that it does not have, and a choice that is none, with the list', async () => {
    const { usb } = plugged({ settings: ['boot', 'flash'] });
    expect(await boardErrorOf(open(usb, 'weights'))).toMatchObject({
      code: 'board-not-flashable',
      reason: 'Its DFU alternate settings (interface:setting) are 0:0 "boot", 0:1 "flash".',
      facts: { variant: 'no-such-memory', settings: '0:0 0:1' },
    });
    expect(await boardErrorOf(open(usb))).toMatchObject({ code: 'board-ambiguous', facts: { settings: '0:0 0:1' } });
  });

  it('is brought to dfuIDLE from whatever was left behind', async () => {
    for (const state of ['dfuERROR', 'dfuDNLOAD-IDLE', 'dfuUPLOAD-IDLE', 'dfuDNLOAD-SYNC'] as const) {
      const { usb, fake } = plugged();
      fake.state = state;
      fake.status = state === 'dfuERROR' ? 3 : 0;
      await open(usb);
      expect([fake.state, fake.status]).toEqual(['dfuIDLE', 0]);
    }
  });

  it.each<[string, Options, string, RegExp]>([
    ['that speaks DfuSe', { version: 0x011a }, 'board-not-flashable', /DfuSe/],
    ['that takes no downloads', { attributes: 2 }, 'board-not-flashable', /cannot download/],
    ['whose blocks have no bytes', { transferSize: 0 }, 'board-broken', /a block has 0 bytes/],
    ['without a functional descriptor', { functional: 'none' }, 'board-broken', /no DFU functional descriptor/],
  ])('%s is refused with an explanation', async (_, options, code, reason) => {
    const error = await boardErrorOf(open(plugged(options).usb));
    expect([error.code, error.reason]).toEqual([code, expect.stringMatching(reason)]);
  });

  it('of DFU 1.0, whose functional descriptor is two bytes shorter, is taken', async () => {
    const { usb } = plugged({
      instead: ({ request, value }, answer) => {
        if (request !== 6 || value !== 0x0200 || !(answer instanceof Uint8Array)) return undefined;
        const bytes = answer.slice(0, 25);
        bytes[2] = 25;
        if (bytes.length > 18) bytes[18] = 7;
        return bytes;
      },
    });
    const { functional } = (await open(usb)).client.setting;
    expect([functional.version, functional.transferSize]).toEqual([0x0100, 1024]);
  });
});

/** Answers otherwise to a request for a string. */
const onString = (value: number, answer: Answer): Options => ({
  instead: (setup) => (setup.requestType === 0x80 && setup.request === 6 && setup.value === value ? answer : undefined),
});

describe('what is for people', () => {
  it.each<[string, Options, number]>([
    ['a name that breaks the rules of the bus', onString(0x030a, 'fault'), 100],
    ['a name that never comes', onString(0x030a, 'nothing'), 1100],
    ['a serial number that never comes', onString(0x0303, 'nothing'), 1100],
    ['languages that never come', onString(0x0300, 'nothing'), 1100],
  ])('is not needed: %s', async (_, options, limitMs) => {
    const { usb } = plugged({ settings: ['boot', 'flash'], ...options });
    const startMs = usb.clock.now();
    expect((await open(usb, '1')).client.setting.alternate).toBe(1);
    // Who lets a request for one string wait is not asked for the next.
    expect(usb.clock.now() - startMs).toBeLessThan(limitMs);
  });

  it('is not needed on a board of ours, whose weights have a number', async () => {
    const { usb } = plugged({ settings: ['', ''] });
    const info = usb.info('1-1');
    const options = { clock: usb.clock, setting: 'weights', settingWithoutName: 0 };
    expect((await usb.clock.until(openDfu(usb, info, info, options))).client.setting.alternate).toBe(0);
    // Nothing is taken for it that has another name.
    const other = plugged({ settings: ['boot', ''] }).usb;
    const opening = other.clock.until(
      openDfu(other, other.info('1-1'), other.info('1-1'), { ...options, clock: other.clock }),
    );
    expect((await boardErrorOf(opening)).code).toBe('board-not-flashable');
  });
});

describe('a device with two DFU interfaces', () => {
  const two = { settings: ['', ''], isInterfaceEach: true };

  it.each(['0', '1'])('does not know which is meant by %s', async (wanted) => {
    const error = await boardErrorOf(open(plugged(two).usb, wanted));
    expect([error.code, error.facts['settings']]).toEqual(['board-ambiguous', '0:0 1:0']);
  });

  it('has the second one named by both numbers', async () => {
    const { usb } = plugged(two);
    expect((await open(usb, '1:0')).client.setting).toMatchObject({ interfaceNumber: 1, alternate: 0 });
    expect((await boardErrorOf(open(usb, '1:1'))).code).toBe('board-not-flashable');
  });
});

describe('the state of a device', () => {
  it.each<[string, Options['instead'], number]>([
    ['is that in which it waits for a reset', undefined, 1],
    ['is that, and it refuses to say so', (s, _, d) => (isStatus(s) && d.resets === 0 ? 'stall' : undefined), 1],
    ['is that, and it says nothing', (s, _, d) => (isStatus(s) && d.resets === 0 ? 'nothing' : undefined), 1],
  ])('%s: it is reset, found again, and goes on', async (_, instead, resets) => {
    const { usb, fake } = plugged(instead === undefined ? { instead: tellsState } : { instead });
    fake.state = 'dfuMANIFEST-WAIT-RESET';
    await open(usb);
    expect([fake.state, fake.resets]).toEqual(['dfuIDLE', resets]);
  });

  it('is believed over descriptors that claim DFU mode for the application', async () => {
    const { usb, fake } = plugged({ runtime: 'reset', claims: 'dfu' });
    const { client } = await open(usb);
    expect([fake.state, client.setting.mode]).toEqual(['dfuIDLE', 'dfu']);
  });

  it('is believed over descriptors that claim the application in DFU mode', async () => {
    const { usb, fake } = plugged({ claims: 'runtime' });
    await open(usb);
    expect([fake.state, fake.resets]).toEqual(['dfuIDLE', 0]);
    const both = plugged({ claims: 'runtime', runtime: 'reset' });
    await open(both.usb);
    expect(both.fake.state).toBe('dfuIDLE');
  });

  it.each<[string, Answer, number]>([
    ['says nothing', 'nothing', 1300],
    ['refuses to tell it', 'stall', 300],
    ['answers with garbage', Uint8Array.of(1), 300],
  ])('of an application that %s is what its descriptors say', async (_, answer, limitMs) => {
    const instead: Options['instead'] = (setup, __, { state }) =>
      isStatus(setup) && state === 'appIDLE' ? answer : undefined;
    const { usb, fake } = plugged({ runtime: 'reset', instead });
    await open(usb);
    expect(fake.state).toBe('dfuIDLE');
    expect(usb.clock.now()).toBeLessThan(limitMs);
  });

  it('is appDETACH, where somebody has left it', async () => {
    const { usb, fake } = plugged({ runtime: 'reset' });
    fake.state = 'appDETACH';
    await open(usb);
    expect(fake.state).toBe('dfuIDLE');
  });
});

describe('a request that takes seconds', () => {
  const slow = { delayMs: ({ request, length }: RawSetup): number => (request === 3 && length === 6 ? 7000 : 0) };

  it('is waited for as long as was said', async () => {
    const { usb, fake } = plugged(slow);
    const info = usb.info('1-1');
    await usb.clock.until(openDfu(usb, info, info, { clock: usb.clock, limitMs: 8000 }));
    expect(fake.resets).toBe(0);
    const error = await boardErrorOf(open(plugged(slow).usb));
    expect([error.code, error.facts['seconds']]).toEqual(['board-silent', 5]);
    expect(error.facts['variant']).toBe('no-usb-answer');
  });
});

const isStatus = ({ requestType, request }: RawSetup): boolean => requestType === 0xa1 && request === 3;

/** The fake is silent in dfuMANIFEST-WAIT-RESET, as A.2.9 allows; other devices say that they are in it. */
const tellsState: NonNullable<Options['instead']> = (setup, _, { state }) =>
  isStatus(setup) && state === 'dfuMANIFEST-WAIT-RESET' ? Uint8Array.of(0, 0, 0, 0, 8, 0) : undefined;

describe('a device that runs its application', () => {
  it.each(['reset', 'will-detach'] as const)('is brought to DFU mode by %s', async (runtime) => {
    const { usb, fake } = plugged({ runtime });
    const { client, identity } = await open(usb);
    expect(fake.state).toBe('dfuIDLE');
    expect(client.setting.mode).toBe('dfu');
    expect(identity).toMatchObject({ path: '1-1', serial: 'F-1' });
  });

  it('may have another product id and no serial number in DFU mode', async () => {
    const { usb } = plugged({ runtime: 'reset', dfuProduct: 0x6018, dfuSerial: '' });
    expect((await open(usb)).client.setting.mode).toBe('dfu');
  });

  it('is told from a twin that is plugged in meanwhile', async () => {
    const { usb, fake } = plugged({ runtime: 'will-detach' });
    const twin = device(usb, { serial: 'F-2' });
    usb.onRequest = ({ setup }) => {
      if (setup?.request === 0 && (setup.requestType & 0x60) === 0x20) usb.plug('1-2', twin);
      return 'go-on';
    };
    const { client } = await open(usb);
    expect([client.name, fake.state]).toEqual(['fake:1-1', 'dfuIDLE']);
  });

  it('is told from a twin that has taken its place, and followed to another one', async () => {
    const { usb, fake } = plugged({ runtime: 'will-detach' });
    const opening = openDfu(usb, usb.info('1-1'), usb.info('1-1'), { clock: usb.clock });
    usb.onRequest = ({ setup }) => {
      if (setup?.request === 0 && (setup.requestType & 0x60) === 0x20) {
        // As vhci does: the first free port is given to whoever comes first.
        usb.clock.after(50, () => usb.plug('1-1', device(usb, { serial: 'F-2' })));
        usb.clock.after(1000, () => usb.plug('1-2', fake));
      }
      return 'go-on';
    };
    expect((await usb.clock.until(opening)).client.name).toBe('fake:1-2');
  });

  it('is not replaced by a twin: when only that is there, it is lost', async () => {
    const { usb } = plugged({ runtime: 'will-detach' });
    usb.onRequest = ({ setup }) => {
      if (setup?.request === 0 && (setup.requestType & 0x60) === 0x20) {
        usb.clock.after(50, () => usb.plug('1-1', device(usb, { serial: 'F-2' })));
      }
      return 'go-on';
    };
    const error = await boardErrorOf(open(usb));
    expect([error.code, error.reason]).toEqual(['board-lost', expect.stringContaining('In its place is fake:1-1')]);
  });

  it('is not guessed among twins with the same serial number in other places', async () => {
    const { usb } = plugged({ runtime: 'will-detach' });
    usb.onRequest = ({ setup }) => {
      if (setup?.request === 0 && (setup.requestType & 0x60) === 0x20) {
        usb.clock.after(50, () => {
          usb.plug('1-1', device(usb, { serial: 'other' }));
          usb.plug('1-2', device(usb));
          usb.plug('1-3', device(usb));
        });
      }
      return 'go-on';
    };
    expect(await boardErrorOf(open(usb))).toMatchObject({
      code: 'board-ambiguous',
      facts: { boards: 'usb:1-2 usb:1-3' },
    });
  });

  it('that refuses to go to DFU mode is broken', async () => {
    const { usb } = plugged({
      runtime: 'reset',
      instead: ({ request, requestType }) => (requestType === 0x21 && request === 0 ? 'stall' : undefined),
    });
    expect((await boardErrorOf(open(usb))).code).toBe('board-broken');
  });

  it('that does not come back is lost, after ten seconds', async () => {
    const { usb, fake } = plugged({ runtime: 'reset' });
    fake.busReset = (): void => {
      // In its place for good.
      usb.clock.after(1, () => usb.plug('1-1', device(usb, { vendor: 0x46d })));
    };
    const error = await boardErrorOf(open(usb));
    expect([error.code, error.reason]).toEqual(['board-lost', expect.stringContaining('not come back within 10 s')]);
  });

  it('that runs its application again is no broken device, and asked twice', async () => {
    const { usb, fake } = plugged({ runtime: 'reset' });
    fake.busReset = (): void => void (fake.state = 'appIDLE');
    const error = await boardErrorOf(open(usb));
    expect([error.code, error.reason]).toEqual(['board-lost', expect.stringContaining('asked twice')]);
  });
});

describe('another device than the one that is meant', () => {
  it('is not touched, when the two were swapped since the list was made', async () => {
    const { usb } = plugged();
    const before = usb.info('1-1');
    const stranger = device(usb, { serial: 'F-2' });
    usb.plug('1-1', stranger);
    const info = { ...usb.info('1-1'), serial: '' };
    const error = await boardErrorOf(usb.clock.until(openDfu(usb, info, before, { clock: usb.clock })));
    expect([error.code, error.reason]).toEqual(['board-lost', expect.stringContaining('F-2')]);
    expect(stranger.state).toBe('dfuIDLE');
  });
});
