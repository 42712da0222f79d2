/** The DFU interface of the board of firmware/ in the place of a whole USB device, where tests ask for no more. */

import { BoardDevice } from '../../firmware-host/firmware/usb/board-device.js';
import type { BoardDeviceOptions } from '../../firmware-host/firmware/usb/board-device.js';
import { TYPE } from '../../firmware-host/firmware/usb/setup-packet.js';
import type { SetupPacket } from '../../firmware-host/firmware/usb/setup-packet.js';
import { CBoard } from './c-board.js';

/** The device of a board, whichever that is. */
export function deviceOf(options: BoardDeviceOptions): BoardDevice {
  const board: unknown = options.board;
  return board instanceof CBoard ? (new CDfuDevice(board) as unknown as BoardDevice) : new BoardDevice(options);
}

class CDfuDevice {
  readonly #board: CBoard;

  constructor(board: CBoard) {
    this.#board = board;
  }

  configure(): void {
    this.#board.resetDfu();
  }

  unplug(): void {
    this.#board.resetDfu();
  }

  control(setup: SetupPacket, data: Uint8Array): Uint8Array | undefined {
    if ((setup.requestType & TYPE.mask) === TYPE.standard) throw new Error('it has nothing but its DFU interface');
    return this.#board.askDfu(setup, data);
  }
}
