/** Who makes boards like ours, and who makes the chip by which FPGA boards are programmed. */

interface UsbIds {
  readonly vendor: number;
  readonly product: number;
}

/** pid.codes' id for tests, until a real one is assigned. */
export const OUR_VENDOR = 0x1209;
export const OUR_PRODUCT = 0x0001;

const FTDI_VENDOR = 0x0403;
/** FT2232H, FT232H: any board with such a chip has these, unless its maker has other ones. */
const FTDI_PRODUCTS: ReadonlySet<number> = new Set([0x6010, 0x6014]);

const RASPBERRY_PI = 0x2e8a;
/** Microcontrollers that wait for a file on their drive, by product: what the drive is called. */
const DRIVES: ReadonlyMap<number, string> = new Map([
  [0x0003, 'RPI-RP2'],
  [0x000f, 'RP2350'],
]);

/** Name of the drive of a microcontroller in boot mode; undefined for all other devices. */
export function bootDriveOf({ vendor, product }: UsbIds): string | undefined {
  return vendor === RASPBERRY_PI ? DRIVES.get(product) : undefined;
}

export function isOurs({ vendor, product }: UsbIds): boolean {
  return vendor === OUR_VENDOR && product === OUR_PRODUCT;
}

/** Whether it has a chip that can program the flash of an FPGA; what hangs on it nobody knows. */
export function isFtdi({ vendor, product }: UsbIds): boolean {
  return vendor === FTDI_VENDOR && FTDI_PRODUCTS.has(product);
}
