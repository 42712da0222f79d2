/** From a device that is plugged in to DFU mode and the memory that is meant. */

import { describe, expect, it } from 'vitest';
import { openDfu } from '../../../device/dfu/dfu-device.js';
import type { OpenedDfu } from '../../../device/dfu/dfu-device.js';
import { FakeDfuDevice } from '../../helpers/fake-dfu-device.js';
import type { FakeDfuOptions } from '../../helpers/fake-dfu-device.js';
import { boardErrorOf, FakeUsb } from '../../helpers/fake-usb.js';

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
    const { usb } = plugged({ settings: ['boot', '0', 'flash'] });
    // A name counts more than a number.
    expect((await open(usb, '0')).client.setting.alternate).toBe(1);
    expect((await open(usb, '2')).client.setting.alternate).toBe(2);
    expect((await open(plugged({ settings: ['only'] }).usb)).client.setting.alternate).toBe(0);
  });

  it('refuses settings that it does not have, and a choice that is none, with the list', async () => {
    const { usb } = plugged({ settings: ['boot', 'flash'] });
    expect(await boardErrorOf(open(usb, 'weights'))).toMatchObject({
      code: 'board-not-flashable',
      reason: 'Its DFU alternate settings are "boot", "flash".',
      fix: expect.stringContaining('--dfu-alt "boot"'),
    });
    expect(await boardErrorOf(open(usb))).toMatchObject({ code: 'board-ambiguous', facts: { settings: 'boot flash' } });
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
      usb.unplug('1-1');
      // In its place for good.
      usb.plug('1-1', device(usb, { vendor: 0x46d }));
    };
    const error = await boardErrorOf(open(usb));
    expect([error.code, error.reason]).toEqual(['board-lost', expect.stringContaining('not come back within 10 s')]);
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
