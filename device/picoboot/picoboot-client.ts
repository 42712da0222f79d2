/** The host's side of PICOBOOT. */

import { BoardError } from '../board-error.js';
import { DescriptorError } from '../usb/descriptors.js';
import type { InterfaceDescriptor } from '../usb/descriptors.js';
import { isPicoboot } from '../usb/usb-classes.js';
import { UsbConnection } from '../usb/usb-connection.js';
import type { ConnectionOptions } from '../usb/usb-connection.js';
import type { UsbDeviceInfo, UsbHost } from '../usb/usb-device.js';
import { usbBroken } from '../usb/usb-error.js';
import { commandRefused, noPicoboot } from './picoboot-error.js';
import { CONTROL, decodeStatus, encodeCommand, EXCLUSIVE, isToHost, STATUS_BYTES, words } from './picoboot-protocol.js';
import type { CommandName } from './picoboot-protocol.js';

/** So long after its answer the chip starts again: by then the answer is there. */
const REBOOT_DELAY_MS = 500;
const PACKET_BYTES = 64;
const BULK = 2;
const ADDRESS_MASK = 0x7f;
const TO_HOST = 0x80;
const NOTHING = new Uint8Array(0);

/** Where it is on the device. */
interface Place {
  readonly interfaceNumber: number;
  readonly out: number;
  readonly in: number;
}

export class PicobootClient {
  readonly #connection: UsbConnection;
  readonly #place: Place;
  #tokens = 0;

  private constructor(connection: UsbConnection, place: Place) {
    this.#connection = connection;
    this.#place = place;
  }

  /** Claims the interface, and ends what somebody may have left there. @throws BoardError */
  static async open(host: UsbHost, info: UsbDeviceInfo, options: ConnectionOptions = {}): Promise<PicobootClient> {
    const connection = await UsbConnection.open(host, info, options);
    try {
      const interfaces = (await connection.configurations()).flatMap((configuration) => configuration.interfaces);
      const found = interfaces.find(isPicoboot);
      if (found === undefined) throw noPicoboot(connection.name);
      const client = new PicobootClient(connection, placeOf(connection.name, found));
      await connection.claim(found.number);
      await client.#reset();
      return client;
    } catch (error) {
      await connection.close();
      throw error instanceof DescriptorError ? usbBroken(connection.name, error.message, error) : error;
    }
  }

  get name(): string {
    return this.#connection.name;
  }

  /** Nothing comes over the drive any more. */
  async takeExclusive(): Promise<void> {
    await this.#run('exclusiveAccess', Uint8Array.of(EXCLUSIVE));
  }

  /** From then on the flash takes commands. */
  async exitXip(): Promise<void> {
    await this.#run('exitXip', NOTHING);
  }

  /** Both whole sectors. */
  async erase(address: number, length: number): Promise<void> {
    await this.#run('flashErase', words(address, length));
  }

  /** Whole pages, which were erased. */
  async write(address: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#run('write', words(address, bytes.length), bytes);
  }

  async read(address: number, length: number): Promise<Uint8Array> {
    return await this.#run('read', words(address, length), length);
  }

  /** Has the chip start what is in its flash. */
  async reboot(chip: 'rp2040' | 'rp2350'): Promise<void> {
    // From its reset, as after power-on: program counter and stack pointer are 0; flags and parameters are.
    if (chip === 'rp2040') await this.#run('reboot', words(0, 0, REBOOT_DELAY_MS));
    else await this.#run('reboot2', words(0, REBOOT_DELAY_MS, 0, 0));
  }

  /** Lets the drive work again, if the chip is still there. */
  async close(): Promise<void> {
    await this.#reset().catch(() => {});
    await this.#connection.close();
  }

  /** @param data that goes out, or the length of what comes */
  async #run(name: CommandName, args: Uint8Array, data: Uint8Array<ArrayBuffer> | number = 0): Promise<Uint8Array> {
    const token = ++this.#tokens;
    const transferLength = typeof data === 'number' ? data : data.length;
    const command = { token, name, arguments: args, transferLength };
    let silence: BoardError | undefined;
    try {
      const answer = await this.#exchange(name, encodeCommand(command), data);
      if (answer !== undefined) return answer;
    } catch (error) {
      // Some refusals are silence: an RP2040 stalls then only the endpoint that data has come on.
      if (!(error instanceof BoardError && error.code === 'board-silent')) throw error;
      silence = error;
    }
    const status = await this.#status();
    const code = status?.token === token && !status.isInProgress ? status.code : 0;
    if (silence !== undefined && code === 0) throw silence;
    // The refusal is told whatever becomes of this.
    await this.#reset().catch(() => {});
    if (code === 0) throw usbBroken(this.name, `it stalls the command ${name} of PICOBOOT, and gives no reason`);
    const address = name === 'read' || name === 'write' || name === 'flashErase' ? addressIn(args) : undefined;
    throw commandRefused(this.name, name, code, address);
  }

  /** @returns what came; undefined for a STALL */
  async #exchange(
    name: CommandName,
    command: Uint8Array<ArrayBuffer>,
    data: Uint8Array<ArrayBuffer> | number,
  ): Promise<Uint8Array | undefined> {
    const { out, in: input } = this.#place;
    if (!(await this.#connection.answerOut(out, command))) return undefined;
    let received: Uint8Array | undefined = NOTHING;
    if (typeof data !== 'number') {
      if (!(await this.#connection.answerOut(out, data))) return undefined;
    } else if (data > 0) {
      received = await this.#connection.answerIn(input, data);
      if (received === undefined) return undefined;
      if (received.length !== data)
        throw usbBroken(this.name, `it gives ${received.length} of ${data} bytes that it was asked for`);
    }
    if (isToHost(name)) return (await this.#connection.answerOut(out, NOTHING)) ? received : undefined;
    const end = await this.#connection.answerIn(input, PACKET_BYTES);
    if (end !== undefined && end.length > 0) throw usbBroken(this.name, `it ends the command ${name} with bytes`);
    return end;
  }

  async #status(): Promise<ReturnType<typeof decodeStatus>> {
    const bytes = await this.#connection.controlIn(this.#setup(CONTROL.status), STATUS_BYTES);
    return bytes && decodeStatus(bytes);
  }

  /** What is under way ends, the drive works again, and both endpoints begin anew, on this side too. */
  async #reset(): Promise<void> {
    const { out, in: input } = this.#place;
    if (!(await this.#connection.controlOut(this.#setup(CONTROL.reset))))
      throw usbBroken(this.name, 'it refuses the request INTERFACE_RESET of PICOBOOT');
    await this.#connection.clearHalt('out', out);
    await this.#connection.clearHalt('in', input);
  }

  #setup(request: number): Parameters<UsbConnection['controlIn']>[0] {
    const index = this.#place.interfaceNumber;
    return { requestType: 'vendor', recipient: 'interface', request, value: 0, index };
  }
}

function placeOf(name: string, { number, endpoints }: InterfaceDescriptor): Place {
  const bulk = endpoints.filter(({ type }) => type === BULK).map(({ address }) => address);
  const out = bulk.find((address) => (address & TO_HOST) === 0);
  const input = bulk.find((address) => (address & TO_HOST) !== 0);
  if (out === undefined || input === undefined)
    throw usbBroken(name, 'its PICOBOOT interface has no two bulk endpoints');
  return { interfaceNumber: number, out, in: input & ADDRESS_MASK };
}

function addressIn(args: Uint8Array): number {
  return new DataView(args.buffer, args.byteOffset).getUint32(0, true);
}
