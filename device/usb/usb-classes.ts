/** The classes of interfaces that matter here (USB-IF, Defined Class Codes). */

interface ClassCodes {
  readonly class: number;
  readonly subclass: number;
}

/** The control interface of a serial port, CDC-ACM. */
export const SERIAL_CONTROL = { class: 2, subclass: 2 } as const;
const CDC_DATA_CLASS = 0x0a;
const DFU = { class: 0xfe, subclass: 1 } as const;

/** Why a board with a DFU interface alone cannot be talked to. */
export const NO_PORT = 'It has no serial port: it can be flashed over DFU, and nothing else.';

/** `bInterfaceProtocol` of DFU (DFU 1.1, table 4.4): the device runs its application, or is in DFU mode. */
export const DFU_PROTOCOL = { runtime: 1, dfu: 2 } as const;

export function isSerialControl({ class: code, subclass }: ClassCodes): boolean {
  return code === SERIAL_CONTROL.class && subclass === SERIAL_CONTROL.subclass;
}

/** The interface with the data of a serial port. */
export function isSerialData(info: { readonly class: number }): boolean {
  return info.class === CDC_DATA_CLASS;
}

export function isDfu({ class: code, subclass }: ClassCodes): boolean {
  return code === DFU.class && subclass === DFU.subclass;
}

/** PICOBOOT, of the boot ROM of an RP2040 or RP2350. */
export function isPicoboot(info: ClassCodes & { readonly protocol: number }): boolean {
  return info.class === 0xff && info.subclass === 0 && info.protocol === 0;
}

/** Whether a device can be flashed over DFU, as far as that is known without opening it. */
export function hasDfu({ interfaces }: { readonly interfaces: readonly ClassCodes[] }): boolean {
  return interfaces.some(isDfu);
}
