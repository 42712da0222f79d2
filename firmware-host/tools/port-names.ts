/** The folders of `firmware/ports/` that firmware is built of; the last one is for a machine of QEMU. */
export const PORT_NAMES = ['rp2040', 'rp2350', 'musca-b1'] as const;

export type PortName = (typeof PORT_NAMES)[number];
