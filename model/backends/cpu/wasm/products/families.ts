/** What multiplies; a module is made for one, as its `FAMILY` says, and `WIDE` if it is for registers of 32 bytes. */
export const BASELINE = 0;
export const RELAXED_16 = 1;
export const RELAXED_32 = 2;
