/** How much is read of files that the user names beside images and checkpoints; far more than any real one has. */

/** A key in PEM has 120 bytes. */
export const MAX_KEY_BYTES = 2 ** 16;

/** A program for the gateware has a line for each of at most a few hundred words. */
export const MAX_PROGRAM_BYTES = 2 ** 20;

/** Text to measure a loss on: thousands of books' worth would take days. */
export const MAX_TEXT_BYTES = 2 ** 28;

/** The text that a run continues: a thick book, whose tokens take a processor an hour. */
export const MAX_PROMPT_BYTES = 2 ** 22;

/** Twice the flash of the largest RP2040 boards, for two families of chips. */
export const MAX_UF2_BYTES = 2 ** 26;
