/** The binary for RP2040 with a USB host, in a time that only moves when told. */

import type { FlashStore } from '../../firmware-host/firmware/flash/flash-store.js';
import type { SetupPacket } from '../../firmware-host/firmware/usb/setup-packet.js';
import { PicoChip } from '../../firmware-host/virtual/pico/pico-chip.js';
import type { Transfer, TransferResult } from '../../firmware-host/virtual/pico/usb-host.js';

const SLICE_CYCLES = 10_000;
/** A tenth of a second: a host would wait for fifty times as long. */
const PATIENCE_CYCLES = 12_500_000;
const NOTHING = new Uint8Array(0);

/** Fields of a setup packet; the length is that of the data unless given. */
export interface Setup
  extends Pick<SetupPacket, 'requestType' | 'request'>, Partial<Omit<SetupPacket, 'requestType' | 'request'>> {
  readonly data?: Uint8Array;
}

/** A chip with a host at its USB controller. */
export type ChipOnUsb = Pick<PicoChip, 'cycles' | 'end' | 'run' | 'usbHost'> & {
  readonly usb: Pick<PicoChip['usb'], 'isConnected'>;
};

export class PicoOnUsb {
  readonly chip: ChipOnUsb;

  /** @param from what the flash holds: the firmware, and without an image it is there at once; or a chip with that */
  constructor(from: FlashStore | ChipOnUsb) {
    this.chip = 'usbHost' in from ? from : new PicoChip({ flash: from, onUart: () => {} });
    while (!this.chip.usb.isConnected) this.chip.run(SLICE_CYCLES);
    this.busReset();
  }

  busReset(): void {
    this.#until((onDone) => this.chip.usbHost.enumerate(() => onDone(NOTHING)));
  }

  control({ requestType, request, value = 0, index = 0, data = NOTHING, length = data.length }: Setup): TransferResult {
    const setup = { requestType, request, value, index, length };
    return this.#until((onDone) => this.chip.usbHost.submit({ endpoint: 0, setup, data, length, onDone }));
  }

  descriptor(type: number, index: number, length = 255): TransferResult {
    return this.control({ requestType: 0x80, request: 6, value: (type << 8) | index, length });
  }

  configure(): void {
    this.control({ requestType: 0, request: 9, value: 1 });
  }

  write(data: Uint8Array): TransferResult {
    return this.transfer({ endpoint: 0x02, data, length: 0 });
  }

  read(length: number): TransferResult {
    return this.transfer({ endpoint: 0x82, data: NOTHING, length });
  }

  /** Any one. */
  transfer(transfer: Omit<Transfer, 'onDone'>): TransferResult {
    return this.#until((onDone) => this.chip.usbHost.submit({ ...transfer, onDone }));
  }

  /** Reads on and on, and forgets it, until the next bus reset. */
  drain(): void {
    const again = (): void => this.chip.usbHost.submit({ endpoint: 0x82, data: NOTHING, length: 64, onDone: again });
    again();
  }

  /** @throws Error if it takes too long */
  #until(start: (onDone: (result: TransferResult) => void) => void): TransferResult {
    const results: TransferResult[] = [];
    start((end) => results.push(end));
    for (const end = this.chip.cycles + PATIENCE_CYCLES; results.length === 0;) {
      if (this.chip.cycles > end) throw new Error('a transfer does not end');
      if (this.chip.end !== undefined) throw new Error(`the chip has gone: ${this.chip.end}`);
      this.chip.run(SLICE_CYCLES);
    }
    return results[0]!;
  }
}
