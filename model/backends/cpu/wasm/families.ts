/** The families of kernels; a module is made for one, as its `FAMILY` says. */
export const BASELINE = 0;
export const RELAXED_16 = 1;
export const RELAXED_32 = 2;
