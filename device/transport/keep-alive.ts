/**
 * For connections over a network: a board that has vanished without a word is noticed, and no firewall on the way
 * forgets them.
 */
export const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 10_000 } as const;
