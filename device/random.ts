/** Numbers that nobody can guess, from what browsers and Node share. */

/** 32 bits. */
export function randomWord(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
