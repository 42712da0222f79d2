/** What `boards --watch` calls a change. */

import { describe, expect, it } from 'vitest';
import { boardNotFound } from '../../../device/board-error.js';
import { BoardWatch } from '../../../device/finding/board-watch.js';
import type { FoundBoard } from '../../../device/finding/discovery.js';
import type { UsbDeviceInfo } from '../../../device/usb/usb-device.js';

const virtual = (port: number, pid = 1): FoundBoard => ({
  address: { kind: 'tcp', host: '127.0.0.1', port },
  kind: 'virtual',
  serial: 'V-1',
  name: 'virtual board',
  pid,
});

function usb(change: Partial<UsbDeviceInfo> = {}, port?: string): FoundBoard {
  const device: UsbDeviceInfo = {
    path: '1-2',
    vendor: 0x1209,
    product: 1,
    release: 0x100,
    serial: 'A-1',
    name: 'mmfree board',
    interfaces: [
      { number: 0, class: 2, subclass: 2, protocol: 0, driver: 'cdc_acm', ...(port !== undefined && { port }) },
    ],
    address: 5,
    ...change,
  };
  return { address: { kind: 'usb', device }, kind: 'usb', serial: device.serial, name: device.name, usb: device };
}

function changes(before: readonly FoundBoard[], after: readonly FoundBoard[]): string[] {
  const watch = new BoardWatch(before);
  const found = watch.look(after).map(({ kind, board }) => `${kind} ${board.serial}`);
  expect(watch.look(after)).toEqual([]);
  return found;
}

describe('a change', () => {
  it.each<[string, FoundBoard[], FoundBoard[], string[]]>([
    ['none', [virtual(1), usb()], [virtual(1), usb()], []],
    ['another order', [virtual(1), usb()], [usb(), virtual(1)], []],
    ['one that comes', [virtual(1)], [virtual(1), usb()], ['came A-1']],
    ['one that goes', [virtual(1), usb()], [usb()], ['gone V-1']],
    ['one for another', [virtual(1)], [usb()], ['gone V-1', 'came A-1']],
    ['one that was started again on its port', [virtual(1)], [virtual(1, 2)], ['gone V-1', 'came V-1']],
    ['one that was plugged in again', [usb()], [usb({ address: 6 })], ['gone A-1', 'came A-1']],
    ['its serial port comes', [usb()], [usb({}, '/dev/ttyACM0')], ['changed A-1']],
    ['its port may be opened', [{ ...usb(), portProblem: boardNotFound('x', 'y') }], [usb()], ['changed A-1']],
    ['it may be flashed no more', [usb()], [{ ...usb(), flashProblem: boardNotFound('x', 'y') }], ['changed A-1']],
    ['it gets a twin', [usb()], [usb({ twins: ['1-3'] })], ['changed A-1']],
  ])('%s', (_, before, after, found) => {
    expect(changes(before, after)).toEqual(found);
  });

  it('is not that a flash over USB takes an interface', () => {
    const flashed = usb();
    const [control] = flashed.usb!.interfaces;
    expect(changes([flashed], [usb({ interfaces: [{ ...control!, driver: 'usbfs' }] })])).toEqual([]);
  });
});
