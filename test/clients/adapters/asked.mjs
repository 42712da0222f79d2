/** What every client asks for. */

export const MODEL = 'tales-9m';
export const PROMPT = 'Once upon a time';
export const MESSAGES = [{ role: 'user', content: PROMPT }];
export const SEED = 5;
export const TEMPERATURE = 0.8;
export const MOST_TOKENS = 24;
export const STOP = '.';
/** Nobody waits for its end. */
export const ENDLESS = 16_000;
