/**
 * A board behind a CDC-ACM function (USB PSTN 1.2) without a driver of the system: its bulk endpoints are the wire. For
 * devices that are reached over USB/IP.
 */

import { isSerialControl, isSerialData } from '../usb/usb-classes.js';
import { usbBroken } from '../usb/usb-error.js';
import type { UsbConnection } from '../usb/usb-connection.js';
import type { Transport, TransportEvents } from './transport.js';

const SET_CONTROL_LINE_STATE = 0x22;
const DTR_AND_RTS = 3;

const BULK = 2;
const READ_BYTES = 16_384;
/** Transfers that wait for data, so that the board need not wait for the next one. */
const READS_AHEAD = 2;
/** More than that on its way, and the wire is not ready. */
const MAX_UNSENT_BYTES = 65_536;

/** @throws BoardError `board-broken` if there is no such function */
export async function openCdc(connection: UsbConnection): Promise<Transport> {
  try {
    const { interfaces } = (await connection.configurations())[0] ?? { interfaces: [] };
    const data = interfaces.find((descriptor) => isSerialData(descriptor) && descriptor.endpoints.length > 0);
    const bulk = data?.endpoints.filter(({ type }) => type === BULK) ?? [];
    const input = bulk.find(({ address }) => address >= 0x80);
    const output = bulk.find(({ address }) => address < 0x80);
    if (data === undefined || input === undefined || output === undefined) {
      throw usbBroken(connection.name, 'its serial port has no bulk endpoints');
    }
    await connection.claim(data.number);
    const control = interfaces.find(isSerialControl)?.number ?? data.number;
    const setup = { requestType: 'class', recipient: 'interface', request: SET_CONTROL_LINE_STATE } as const;
    // Many devices send nothing before; those without the request refuse it.
    await connection.controlOut({ ...setup, value: DTR_AND_RTS, index: control });
    return transportOf(connection, input.address & 0x0f, output.address & 0x0f);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function transportOf(connection: UsbConnection, input: number, output: number): Transport {
  let events: TransportEvents | undefined;
  let unsentBytes = 0;
  const lose = (cause: unknown): void => {
    const lost = events;
    events = undefined;
    lost?.onLost(cause instanceof Error && 'reason' in cause ? String(cause.reason) : String(cause), cause);
  };
  const keepReading = async (): Promise<void> => {
    try {
      for (;;) {
        const bytes = await connection.bulkIn(input, READ_BYTES);
        if (events === undefined) return;
        if (bytes.length > 0) events.onData(bytes);
      }
    } catch (error) {
      lose(error);
    }
  };
  const send = async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    unsentBytes += bytes.length;
    try {
      await connection.bulkOut(output, bytes);
    } catch (error) {
      lose(error);
      return;
    }
    const wasReady = unsentBytes < MAX_UNSENT_BYTES;
    unsentBytes -= bytes.length;
    if (!wasReady && unsentBytes < MAX_UNSENT_BYTES) events?.onReady();
  };
  return {
    name: connection.name,
    get isReady() {
      return unsentBytes < MAX_UNSENT_BYTES;
    },
    start(given) {
      events = given;
      // They end one after the other, in the order of their beginnings.
      for (let ahead = 0; ahead < READS_AHEAD; ahead++) void keepReading();
    },
    // A copy, as the caller may use its bytes again.
    write: (bytes) => void send(bytes.slice()),
    async close() {
      events = undefined;
      await connection.close();
    },
  };
}
