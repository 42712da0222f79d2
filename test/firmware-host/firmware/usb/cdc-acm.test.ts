import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CdcAcm } from '../../../../firmware-host/firmware/usb/cdc-acm.js';
import type { Wire } from '../../../../firmware-host/virtual/wires/wire.js';

interface Port {
  readonly acm: CdcAcm;
  readonly wire: Wire;
  readonly received: number[];
  readonly events: string[];
}

function plugged(): Port {
  const received: number[] = [];
  const events: string[] = [];
  const acm = new CdcAcm(() => events.push('bytes for the host'));
  const wire = acm.plug();
  wire.start({
    onData: (bytes) => received.push(...bytes),
    onReady: () => events.push('ready'),
    onGone: () => events.push('gone'),
  });
  return { acm, wire, received, events };
}

function request(
  acm: CdcAcm,
  code: number,
  value: number,
  data = new Uint8Array(0),
  length = data.length,
): Uint8Array | undefined {
  return acm.request({ requestType: 0x21, request: code, value, index: 0, length }, data);
}

describe('a serial port on USB', () => {
  it('gives the host what the board writes, in pieces of any length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 30 })),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (pieces, lengths) => {
          const { acm, wire } = plugged();
          for (const piece of pieces) wire.write(piece);
          const sent = pieces.flatMap((piece) => [...piece]);
          const got: number[] = [];
          for (let turn = 0; turn <= sent.length + pieces.length; turn++) {
            const length = lengths[turn % lengths.length]!;
            const bytes = acm.transmit(length) ?? new Uint8Array(0);
            expect(bytes.length).toBeLessThanOrEqual(length);
            got.push(...bytes);
          }
          expect(got).toEqual(sent);
          expect(acm.transmit(64)).toBeUndefined();
        },
      ),
    );
  });

  it('gives the board what the host writes', () => {
    const { acm, received } = plugged();
    acm.receive(Uint8Array.of(1, 2));
    acm.receive(new Uint8Array(0));
    acm.receive(Uint8Array.of(3));
    expect(received).toEqual([1, 2, 3]);
  });

  it('takes no more when 32 KiB wait for a host that does not read, and says when it does again', () => {
    const { acm, wire, events } = plugged();
    const frame = new Uint8Array(4096);
    while (wire.isReady) wire.write(frame);
    expect(events.filter((event) => event === 'bytes for the host')).toHaveLength(8);
    expect(events).not.toContain('ready');
    acm.transmit(512);
    expect([wire.isReady, events.at(-1)]).toEqual([true, 'ready']);
  });

  it('forgets what was not read when the host hangs up', () => {
    const { acm, wire } = plugged();
    wire.write(Uint8Array.of(1));
    expect(request(acm, 0x22, 3)).toBeDefined();
    expect(acm.transmit(8)).toEqual(Uint8Array.of(1));
    wire.write(Uint8Array.of(2));
    request(acm, 0x22, 2);
    expect(acm.transmit(8)).toBeUndefined();
    // A host that never raised DTR may read all the same.
    wire.write(Uint8Array.of(3));
    request(acm, 0x22, 0);
    expect(acm.transmit(8)).toEqual(Uint8Array.of(3));
  });

  it('gives back the line coding that it was given, and takes none of another length', () => {
    const { acm } = plugged();
    const coding = (): Uint8Array | undefined => request(acm, 0x21, 0, undefined, 7);
    expect(coding()).toEqual(Uint8Array.of(0x00, 0xc2, 0x01, 0x00, 0, 0, 8));
    const other = Uint8Array.of(0x80, 0x25, 0, 0, 2, 1, 7);
    expect(request(acm, 0x20, 0, other)).toHaveLength(0);
    expect(coding()).toEqual(other);
    expect(request(acm, 0x20, 0, new Uint8Array(6))).toBeUndefined();
  });

  it('takes breaks, which serialport sends, and stalls encapsulated commands', () => {
    const { acm } = plugged();
    expect([
      request(acm, 0x23, 0xffff),
      request(acm, 0x00, 0, new Uint8Array(3)),
      request(acm, 0x01, 0, undefined, 8),
    ]).toEqual([new Uint8Array(0), undefined, undefined]);
  });

  it('that is unplugged tells the board once, and is another wire afterwards', () => {
    const { acm, wire, events } = plugged();
    wire.write(Uint8Array.of(1));
    acm.unplug();
    acm.unplug();
    expect(events.filter((event) => event === 'gone')).toHaveLength(1);
    const next = acm.plug();
    wire.write(Uint8Array.of(2));
    next.write(Uint8Array.of(3));
    expect(acm.transmit(8)).toEqual(Uint8Array.of(3));
  });
});
