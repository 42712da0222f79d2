/**
 * A board in the hands of a USB/IP client: its transfers, those that wait, and their ends. Pure; the bytes of one
 * connection come in and go out. What the client says is not believed: a wrong word ends the attachment.
 *
 * The client's computer handles addresses and port resets by itself: of a reset only the GET_DESCRIPTORs that follow
 * are seen.
 */

import type { UsbDevice } from '../../firmware/usb/usb-device.js';
import { DESCRIPTOR } from '../../firmware/usb/descriptors.js';
import { decodeSetup, isIn } from '../../firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../firmware/usb/setup-packet.js';
import type { ByteQueue } from './byte-queue.js';
import { COMMAND, COMMAND_BYTES, decodeCommand, submitReply, unlinkReply, URB_STATUS } from './usbip-protocol.js';
import type { SubmitCommand } from './usbip-protocol.js';

export interface AttachmentOptions {
  readonly device: UsbDevice;
  readonly write: (bytes: Uint8Array) => void;
  /** Is called after every transfer: the board may have something to do. */
  readonly onTransfer: () => void;
}

/** Largest transfer that a client may announce; Linux splits what is larger. */
const MAX_TRANSFER_BYTES = 2 ** 20;
/** Transfers that may wait at a time; the serial driver of Linux has 32 under way. */
const MAX_WAITING = 256;
const READ_DEVICE_DESCRIPTOR = { requestType: 0x80, request: 6, value: DESCRIPTOR.device << 8 } as const;
const DEVICE_DESCRIPTOR_BYTES = 18;
/** To the hub, which is not there: SET_FEATURE (PORT_RESET). Some clients ask for a reset by it. */
const PORT_RESET = { requestType: 0x23, request: 3, value: 4 } as const;
const NOTHING = new Uint8Array(0);

export class Attachment {
  readonly #options: AttachmentOptions;
  /** Transfers for which there is nothing yet, by sequence number, in order. */
  readonly #waiting = new Map<number, SubmitCommand>();

  constructor(options: AttachmentOptions) {
    this.#options = options;
  }

  /** Carries out what is whole in the queue. False if the client does not keep to the protocol. */
  receive(queue: ByteQueue): boolean {
    for (;;) {
      // Its replies would be for a device that is not there any more.
      if (this.#options.device.hasLeft) return true;
      const head = queue.peek(COMMAND_BYTES);
      if (head === undefined) return true;
      const command = decodeCommand(head);
      if (command === undefined) return false;
      if (command.command === COMMAND.unlink) {
        queue.skip(COMMAND_BYTES);
        this.#unlink(command.sequence, command.unlinked);
        continue;
      }
      if (command.length > MAX_TRANSFER_BYTES) return false;
      const total = COMMAND_BYTES + (command.isIn ? 0 : command.length);
      const bytes = queue.peek(total);
      if (bytes === undefined) return true;
      queue.skip(total);
      if (!this.#submit(command, bytes.subarray(COMMAND_BYTES))) return false;
    }
  }

  /** Ends transfers that waited for something to give. */
  flush(): void {
    for (const command of this.#waiting.values()) {
      if (command.endpoint !== 0 && command.isIn) this.#tryRead(command);
    }
  }

  /** False if too many wait. */
  #submit(command: SubmitCommand, data: Uint8Array): boolean {
    const { device, onTransfer } = this.#options;
    if (command.endpoint === 0) {
      this.#control(command, data);
    } else if (!command.isIn) {
      const answer = (end: 'ack' | 'stall'): void =>
        this.#answer(command, end === 'ack' ? URB_STATUS.ok : URB_STATUS.stall, end === 'ack' ? data.length : 0);
      const end = device.write(command.endpoint, data, (late) => this.#later(command, () => answer(late)));
      if (end === 'nak') this.#waiting.set(command.sequence, command);
      else answer(end);
    } else {
      this.#waiting.set(command.sequence, command);
      this.#tryRead(command);
    }
    onTransfer();
    return this.#waiting.size <= MAX_WAITING;
  }

  #control(command: SubmitCommand, data: Uint8Array): void {
    const { device } = this.#options;
    const setup = decodeSetup(command.setup);
    const isPortReset = isSetupOf(setup, PORT_RESET);
    if (isPortReset || seemsReset(setup, device)) device.busReset();
    if (isPortReset) {
      this.#answer(command, URB_STATUS.ok, 0);
      return;
    }
    const answer = (bytes: Uint8Array | undefined): void => {
      if (bytes === undefined) this.#answer(command, URB_STATUS.stall, 0);
      else if (isIn(setup)) this.#answer(command, URB_STATUS.ok, bytes.length, bytes);
      else this.#answer(command, URB_STATUS.ok, data.length);
    };
    const end = isSane(setup, command, data)
      ? device.control(setup, data, (late) => this.#later(command, () => answer(late)))
      : undefined;
    if (end === 'nak') this.#waiting.set(command.sequence, command);
    else answer(end);
  }

  /** The device has ended what it was given, unless it was taken back meanwhile. */
  #later({ sequence }: SubmitCommand, answer: () => void): void {
    if (!this.#waiting.delete(sequence)) return;
    answer();
    this.#options.onTransfer();
  }

  #tryRead(command: SubmitCommand): void {
    const bytes = this.#options.device.read(command.endpoint | 0x80, command.length);
    if (bytes === 'nak') return;
    this.#waiting.delete(command.sequence);
    if (bytes === 'stall') this.#answer(command, URB_STATUS.stall, 0);
    else this.#answer(command, URB_STATUS.ok, bytes.length, bytes);
  }

  /** A transfer that was unlinked is never answered; one that was answered before stays answered. */
  #unlink(sequence: number, unlinked: number): void {
    const wasWaiting = this.#waiting.delete(unlinked);
    this.#options.write(unlinkReply(sequence, wasWaiting ? URB_STATUS.unlinked : URB_STATUS.ok));
  }

  #answer({ sequence }: SubmitCommand, status: number, length: number, data: Uint8Array = NOTHING): void {
    this.#options.write(submitReply(sequence, status, length, data));
  }
}

function isSetupOf(setup: SetupPacket, wanted: Omit<SetupPacket, 'index' | 'length'>): boolean {
  return setup.requestType === wanted.requestType && setup.request === wanted.request && setup.value === wanted.value;
}

/** Whether the client's computer has just reset the port, as far as the device descriptor that it then reads tells. */
function seemsReset(setup: SetupPacket, device: UsbDevice): boolean {
  if (!isSetupOf(setup, READ_DEVICE_DESCRIPTOR)) return false;
  // Linux reads more or less of it then than it has; programs read it whole.
  const isByHub = device.configuration !== 0 && setup.length !== DEVICE_DESCRIPTOR_BYTES;
  return isByHub || device.awaitsReset;
}

/** Whether the setup packet says what the transfer around it says. */
function isSane(setup: SetupPacket, { isIn: isInTransfer, length }: SubmitCommand, data: Uint8Array): boolean {
  if (setup.length === 0) return data.length === 0;
  return isIn(setup) === isInTransfer && (isInTransfer ? length >= setup.length : data.length === setup.length);
}
