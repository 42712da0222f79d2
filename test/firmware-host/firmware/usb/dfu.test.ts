/**
 * The state machine against appendix A.2 of DFU 1.1, as read: for every state what every request does. An entry is the
 * next state, with `!` in front if the control pipe is stalled.
 */

import { describe, expect, it } from 'vitest';
import { Dfu } from '../../../../firmware-host/firmware/usb/dfu.js';
import type { DfuMode } from '../../../../firmware-host/firmware/usb/dfu.js';
import type { DfuFailure, DfuMemory } from '../../../../firmware-host/firmware/usb/dfu-memory.js';

/** bState, section 6.1.2. */
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
] as const;

/** A memory of which a test says how it is. */
class FakeMemory implements DfuMemory {
  busyMs = 0;
  failure: DfuFailure | undefined;
  isWhole = true;
  bytes = new Uint8Array(100);
  written: number[] = [];
  abandoned = 0;

  write(block: Uint8Array): void {
    this.written.push(...block);
  }

  finish(): void {}

  read(offset: number, length: number): Uint8Array | DfuFailure {
    return this.bytes.subarray(offset, offset + length);
  }

  abandon(): void {
    this.abandoned++;
  }

  heard(): void {}
}

interface Transfer {
  readonly value?: number;
  readonly data?: Uint8Array;
  readonly length?: number;
}

class Machine {
  nowMs = 0;
  readonly memory = new FakeMemory();
  readonly dfu: Dfu;

  constructor(mode: DfuMode = 'always', isRuntime = false) {
    this.dfu = new Dfu({ mode, isRuntime, now: () => this.nowMs, memory: () => this.memory });
  }

  /** @param request number of section 3 @returns data, or undefined for STALL */
  send(request: number, { value = 0, data = new Uint8Array(0), length }: Transfer = {}): Uint8Array | undefined {
    const requestType = [2, 3, 5].includes(request) ? 0xa1 : 0x21;
    return this.dfu.handle({ requestType, request, value, index: 0, length: length ?? data.length }, data);
  }

  status(): { status: number; pollMs: number; state: string | undefined; text: number } {
    const [status = 0, low = 0, middle = 0, high = 0, state = 0, text = 0] = this.send(3, { length: 6 }) ?? [];
    return { status, pollMs: low + 256 * middle + 65_536 * high, state: STATES[state], text };
  }

  get state(): string {
    return this.dfu.state.replaceAll('_', '-');
  }
}

const BLOCK = Uint8Array.of(1, 2, 3);

const REQUESTS: Readonly<Record<string, (machine: Machine) => Uint8Array | undefined>> = {
  DETACH: (machine) => machine.send(0, { value: 1000 }),
  'DNLOAD 3': (machine) => machine.send(1, { data: BLOCK, value: machine.memory.written.length / 3 }),
  'DNLOAD 0': (machine) => machine.send(1),
  'UPLOAD full': (machine) => machine.send(2, { length: 10 }),
  'UPLOAD short': (machine) => machine.send(2, { length: 4096 }),
  GETSTATUS: (machine) => machine.send(3, { length: 6 }),
  CLRSTATUS: (machine) => machine.send(4),
  GETSTATE: (machine) => machine.send(5, { length: 1 }),
  ABORT: (machine) => machine.send(6),
  'request 7': (machine) => machine.send(7),
};

/** The same as setup packets. */
const SETUPS: Readonly<Record<string, { readonly request: number; readonly length: number }>> = {
  DETACH: { request: 0, length: 0 },
  'DNLOAD 3': { request: 1, length: 3 },
  'DNLOAD 0': { request: 1, length: 0 },
  'UPLOAD full': { request: 2, length: 10 },
  'UPLOAD short': { request: 2, length: 4096 },
  GETSTATUS: { request: 3, length: 6 },
  CLRSTATUS: { request: 4, length: 0 },
  GETSTATE: { request: 5, length: 1 },
  ABORT: { request: 6, length: 0 },
  'request 7': { request: 7, length: 0 },
};

/** How a machine comes into each state. */
const WAYS: Readonly<Record<(typeof STATES)[number], () => Machine>> = {
  appIDLE: () => new Machine('reset', true),
  appDETACH: () => after(new Machine('reset', true), 'DETACH'),
  dfuIDLE: () => new Machine(),
  'dfuDNLOAD-SYNC': () => after(new Machine(), 'DNLOAD 3'),
  dfuDNBUSY: () => after(busy(after(new Machine(), 'DNLOAD 3')), 'GETSTATUS'),
  'dfuDNLOAD-IDLE': () => after(new Machine(), 'DNLOAD 3', 'GETSTATUS'),
  'dfuMANIFEST-SYNC': () => after(new Machine(), 'DNLOAD 3', 'GETSTATUS', 'DNLOAD 0'),
  dfuMANIFEST: () => after(busy(after(new Machine(), 'DNLOAD 3', 'GETSTATUS', 'DNLOAD 0')), 'GETSTATUS'),
  'dfuMANIFEST-WAIT-RESET': () => after(new Machine('reset'), 'DNLOAD 3', 'GETSTATUS', 'DNLOAD 0', 'GETSTATUS'),
  'dfuUPLOAD-IDLE': () => after(new Machine(), 'UPLOAD full'),
  dfuERROR: () => after(new Machine(), 'request 7'),
};

function after(machine: Machine, ...requests: string[]): Machine {
  for (const request of requests) REQUESTS[request]?.(machine);
  return machine;
}

function busy(machine: Machine): Machine {
  machine.memory.busyMs = 50;
  return machine;
}

/** The columns of the table below. */
const COLUMNS = Object.keys(REQUESTS);

const E = '!dfuERROR';
const TABLE: Readonly<Record<(typeof STATES)[number], readonly string[]>> = {
  // DETACH, DNLOAD 3, DNLOAD 0, UPLOAD full, UPLOAD short, GETSTATUS, CLRSTATUS, GETSTATE, ABORT, request 7
  // prettier-ignore
  appIDLE: ['appDETACH', '!appIDLE', '!appIDLE', '!appIDLE', '!appIDLE', 'appIDLE', '!appIDLE', 'appIDLE', '!appIDLE', '!appIDLE'],
  // prettier-ignore
  appDETACH: ['!appIDLE', '!appIDLE', '!appIDLE', '!appIDLE', '!appIDLE', 'appDETACH', '!appIDLE', 'appDETACH', '!appIDLE', '!appIDLE'],
  dfuIDLE: [E, 'dfuDNLOAD-SYNC', E, 'dfuUPLOAD-IDLE', 'dfuIDLE', 'dfuIDLE', E, 'dfuIDLE', 'dfuIDLE', E],
  'dfuDNLOAD-SYNC': [E, E, E, E, E, 'dfuDNLOAD-IDLE', E, 'dfuDNLOAD-SYNC', 'dfuIDLE', E],
  dfuDNBUSY: [E, E, E, E, E, E, E, E, E, E],
  'dfuDNLOAD-IDLE': [
    E,
    'dfuDNLOAD-SYNC',
    'dfuMANIFEST-SYNC',
    E,
    E,
    'dfuDNLOAD-IDLE',
    E,
    'dfuDNLOAD-IDLE',
    'dfuIDLE',
    E,
  ],
  'dfuMANIFEST-SYNC': [E, E, E, E, E, 'dfuIDLE', E, 'dfuMANIFEST-SYNC', 'dfuIDLE', E],
  dfuMANIFEST: [E, E, E, E, E, E, E, E, E, E],
  'dfuMANIFEST-WAIT-RESET': Array.from({ length: 10 }, () => '!dfuMANIFEST-WAIT-RESET'),
  'dfuUPLOAD-IDLE': [E, E, E, 'dfuUPLOAD-IDLE', 'dfuIDLE', 'dfuUPLOAD-IDLE', E, 'dfuUPLOAD-IDLE', 'dfuIDLE', E],
  dfuERROR: [E, E, E, E, E, 'dfuERROR', 'dfuIDLE', 'dfuERROR', E, E],
};

describe('DFU in state', () => {
  describe.each(STATES)('%s', (state) => {
    it.each(COLUMNS.map((request, column) => [request, TABLE[state][column] ?? ''] as const))(
      '%s → %s',
      (request, expected) => {
        const machine = WAYS[state]();
        expect(machine.state).toBe(state);
        const requestType = request.startsWith('UPLOAD') || request.startsWith('GET') ? 0xa1 : 0x21;
        const setup = { requestType, ...SETUPS[request]!, value: machine.memory.written.length / 3, index: 0 };
        const isTaken = machine.dfu.takes(setup);
        const answer = REQUESTS[request]?.(machine);
        // A bus that can stall only before the data asks first, and must be told the same.
        expect(isTaken).toBe(answer !== undefined);
        expect(`${answer === undefined ? '!' : ''}${machine.state}`).toBe(expected);
      },
    );
  });
});

describe('a request in the wrong direction', () => {
  it.each([0, 1, 2, 3, 4, 5, 6])('%i is out of place', (request) => {
    const machine = new Machine();
    const requestType = [2, 3, 5].includes(request) ? 0x21 : 0xa1;
    const setup = { requestType, request, value: 0, index: 0, length: 6 };
    expect(machine.dfu.handle(setup, new Uint8Array(requestType === 0x21 ? 6 : 0))).toBeUndefined();
    expect([machine.state, machine.memory.written]).toEqual(['dfuERROR', []]);
  });
});

describe('a download', () => {
  it('is busy for as long as its memory is, and to the last millisecond of the time that it gave', () => {
    const machine = busy(after(new Machine(), 'DNLOAD 3'));
    expect(machine.status()).toEqual({ status: 0, pollMs: 50, state: 'dfuDNBUSY', text: 0 });
    machine.nowMs = 48.9;
    expect(machine.state).toBe('dfuDNBUSY');
    // Timers of hosts are no better than a millisecond: such a host used to be stalled now and then.
    machine.nowMs = 49;
    expect(machine.state).toBe('dfuDNLOAD-SYNC');
    expect(machine.status()).toMatchObject({ pollMs: 50, state: 'dfuDNBUSY' });
    machine.nowMs = 100;
    machine.memory.busyMs = 0;
    expect(machine.status()).toMatchObject({ pollMs: 0, state: 'dfuDNLOAD-IDLE' });
  });

  it('says no more than 24 bits of milliseconds', () => {
    const machine = after(new Machine(), 'DNLOAD 3');
    machine.memory.busyMs = 2 ** 25;
    expect(machine.status().pollMs).toBe(0xff_ffff);
  });

  it('whose memory fails ends in an error with its status, which CLRSTATUS clears', () => {
    const machine = after(new Machine(), 'DNLOAD 3');
    machine.memory.failure = { status: 'errVERIFY' };
    expect(machine.status()).toMatchObject({ status: 7, state: 'dfuERROR' });
    expect(machine.memory.abandoned).toBe(1);
    machine.memory.failure = undefined;
    expect(machine.send(4)).toEqual(new Uint8Array(0));
    expect(machine.status()).toMatchObject({ status: 0, state: 'dfuIDLE' });
  });

  it('that fails while the host rests is in error at the next request', () => {
    const machine = after(new Machine(), 'DNLOAD 3', 'GETSTATUS');
    machine.memory.failure = { status: 'errVENDOR' };
    expect(machine.send(1, { data: BLOCK, value: 1 })).toBeUndefined();
    expect(machine.memory.written).toHaveLength(3);
    expect(machine.status()).toMatchObject({ status: 0x0b, state: 'dfuERROR' });
  });

  it('that is not whole does not end: errNOTDONE', () => {
    const machine = after(new Machine(), 'DNLOAD 3', 'GETSTATUS');
    machine.memory.isWhole = false;
    expect(machine.dfu.takes({ requestType: 0x21, request: 1, value: 1, index: 0, length: 0 })).toBe(false);
    expect(machine.send(1)).toBeUndefined();
    expect(machine.status()).toMatchObject({ status: 9, state: 'dfuERROR' });
  });

  it('counts blocks from any number, and from 65535 to 0', () => {
    const machine = new Machine();
    for (const value of [65_534, 65_535, 0, 1]) {
      machine.send(1, { data: BLOCK, value });
      expect(machine.status()).toMatchObject({ status: 0, state: 'dfuDNLOAD-IDLE' });
    }
    expect(machine.send(1, { data: BLOCK, value: 1 })).toBeUndefined();
    expect(machine.status()).toMatchObject({ status: 8, state: 'dfuERROR' });
    expect(machine.memory.written).toHaveLength(12);
  });

  it('takes no block of more than 4,096 bytes', () => {
    const machine = new Machine();
    expect(machine.send(1, { data: new Uint8Array(4097) })).toBeUndefined();
    expect(machine.status()).toMatchObject({ status: 0x0f, state: 'dfuERROR' });
    expect(machine.memory.written).toEqual([]);
  });
});

describe('manifestation', () => {
  const manifesting = (mode: DfuMode): Machine => {
    const machine = busy(after(new Machine(mode), 'DNLOAD 3', 'GETSTATUS', 'DNLOAD 0'));
    expect(machine.status()).toMatchObject({ pollMs: 50, state: 'dfuMANIFEST' });
    return machine;
  };

  it('goes on from dfuMANIFEST-SYNC as long as it takes', () => {
    const machine = manifesting('always');
    machine.nowMs = 50;
    expect(machine.state).toBe('dfuMANIFEST-SYNC');
    expect(machine.status()).toMatchObject({ state: 'dfuMANIFEST' });
    machine.nowMs = 100;
    machine.memory.busyMs = 0;
    expect(machine.status()).toMatchObject({ status: 0, state: 'dfuIDLE' });
  });

  it('that fails ends in an error', () => {
    const machine = manifesting('always');
    machine.nowMs = 50;
    machine.memory.failure = { status: 'errVERIFY' };
    expect(machine.status()).toMatchObject({ status: 7, state: 'dfuERROR' });
  });

  it('of a device that is not tolerant ends with waiting for a reset, if it was well', () => {
    const machine = manifesting('reset');
    machine.nowMs = 50;
    machine.memory.busyMs = 0;
    expect(machine.state).toBe('dfuMANIFEST-WAIT-RESET');
    const failed = manifesting('reset');
    failed.nowMs = 50;
    failed.memory.failure = { status: 'errVERIFY' };
    expect(failed.status()).toMatchObject({ status: 7, state: 'dfuERROR' });
  });
});

describe('an upload', () => {
  it('gives the memory from its start, and begins again after its end', () => {
    const machine = new Machine();
    machine.memory.bytes = Uint8Array.from({ length: 20 }, (_, index) => index);
    const upload = (): number[] => Array.from(machine.send(2, { length: 10 }) ?? [255]);
    expect([upload(), upload(), upload()].flat()).toEqual([...machine.memory.bytes]);
    expect(machine.state).toBe('dfuIDLE');
    expect(upload()[0]).toBe(0);
  });

  it('of a memory that has nothing is an error with its status', () => {
    const machine = new Machine();
    machine.memory.read = (): DfuFailure => ({ status: 'errFIRMWARE' });
    expect(machine.send(2, { length: 10 })).toBeUndefined();
    expect(machine.status()).toMatchObject({ status: 0x0a, state: 'dfuERROR' });
  });
});

describe('detaching', () => {
  it('ends after the time that the host gave, and after 1000 ms at most', () => {
    for (const [value, timeoutMs] of [
      [200, 200],
      [65_535, 1000],
    ] as const) {
      const machine = new Machine('reset', true);
      machine.send(0, { value });
      machine.nowMs = timeoutMs - 0.1;
      machine.send(3, { length: 6 });
      expect(machine.state).toBe('appDETACH');
      machine.nowMs = timeoutMs;
      expect(machine.state).toBe('appIDLE');
    }
  });
});
