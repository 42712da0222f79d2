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

/** A microcontroller in boot mode. */
export interface BootMode {
  readonly chip: 'rp2040' | 'rp2350';
  /** What its drive is called, on which it waits for a file. */
  readonly drive: string;
}

const RASPBERRY_PI = 0x2e8a;
const BOOT_MODES: ReadonlyMap<number, BootMode> = new Map([
  [0x0003, { chip: 'rp2040', drive: 'RPI-RP2' }],
  [0x000f, { chip: 'rp2350', drive: 'RP2350' }],
]);

/** Undefined for all devices that are no microcontroller in boot mode. */
export function bootModeOf({ vendor, product }: UsbIds): BootMode | undefined {
  return vendor === RASPBERRY_PI ? BOOT_MODES.get(product) : undefined;
}

export function isOurs({ vendor, product }: UsbIds): boolean {
  return vendor === OUR_VENDOR && product === OUR_PRODUCT;
}

/** Whether it has a chip that can program the flash of an FPGA; what hangs on it nobody knows. */
export function isFtdi({ vendor, product }: UsbIds): boolean {
  return vendor === FTDI_VENDOR && FTDI_PRODUCTS.has(product);
}
