/** The folders of `firmware/ports/` that firmware is built of; the last one is for a machine of QEMU. */
export const PORT_NAMES = ['rp2040', 'rp2350', 'musca-b1'] as const;

export type PortName = (typeof PORT_NAMES)[number];

/** Clocks that an RP2040 may have, the usual one first: `firmware/ports/rp2040/chip.h`. */
export const RP2040_MHZ = ['125', '200'] as const;
