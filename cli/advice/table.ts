/** The shape of the tables of advice. */

/** What an error carries beside its words. */
export type Facts = Readonly<Record<string, unknown>>;

/**
 * One sentence or two, of the facts, the error beneath, and what the error itself says; undefined, or null for all of a
 * code, where the error's own words are enough.
 */
export type Advice = ((facts: Facts, cause: unknown, fix: string) => string | undefined) | null;

/** What the error itself says, and which command or option does it. */
export function also(sentence: string): Advice {
  return (_, __, fix) => `${fix} ${sentence}`;
}

/** Advice that does not depend on anything. */
export function always(text: string): Advice {
  return () => text;
}
