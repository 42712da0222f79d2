/**
 * Chips that can be simulated, as `gateware/sim/Makefile` knows them: the small one with its flash, wide ones by the
 * bits of their memory port.
 */

export const SIMULATED_CHIPS = ['icebreaker', 'icebreaker-dtr', 'axi-64', 'axi-128', 'axi-256', 'axi-512'] as const;

export type SimulatedChipName = (typeof SIMULATED_CHIPS)[number];
