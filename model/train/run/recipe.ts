/** How a run goes: sizes, rate, what is drawn. Everything that its bits depend on beside text, shape and card. */

export interface Recipe {
  /** Tokens of a window. */
  readonly context: number;
  /** Windows of a step. */
  readonly batch: number;
  /** Windows that go through the card at a time; divides `batch`. */
  readonly microBatch: number;
  readonly steps: number;
  /** The highest rate. */
  readonly rate: number;
  readonly warmUp: number;
  readonly decay: number;
  readonly clip: number;
  /** As decimal digits: it may have 64 bits. */
  readonly seed: string;
}

export const BETAS = [0.9, 0.95] as const;
export const EPSILON = 1e-8;
/** Of the highest rate, at the end. */
const LAST_RATE = 0.02;

/** Up in a line over the warm-up, then down along a cosine to 2 %. @param step counted from 1 */
export function rateAt({ rate, warmUp, steps }: Recipe, step: number): number {
  if (step <= warmUp) return (rate * step) / warmUp;
  const progress = Math.min(1, (step - warmUp) / Math.max(1, steps - warmUp));
  return rate * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}

/** Bytes that go through a card at a time, for which memory is asked, and more is no faster: two gibibytes. */
const ROW_BYTES = 2 ** 31;

/**
 * The largest divisor of the batch whose rows fit.
 *
 * @param rowFloats kept of one token
 * @param memoryBytes for rows
 */
export function microBatchOf(batch: number, context: number, rowFloats: number, memoryBytes = ROW_BYTES): number {
  const most = Math.max(1, Math.floor(Math.min(ROW_BYTES, memoryBytes) / (4 * context * rowFloats)));
  for (let size = Math.min(batch, most); size > 1; size--) if (batch % size === 0) return size;
  return 1;
}
