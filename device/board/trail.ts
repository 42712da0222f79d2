/**
 * What a board was fed, behind states that it can be given again: so little of it has to be fed again after a power
 * cut.
 */

/** A state that was on a board, or comes from elsewhere. */
export interface StatePoint {
  /** Tokens fed since the state was zero. */
  readonly position: number;
  /** L × H × int32 as u32; undefined if all are 0. */
  readonly words: Uint32Array | undefined;
}

export interface FedToken {
  readonly token: number;
  /** CRC-32 of the logits after it, where it was seen. */
  readonly receipt: number | undefined;
}

export const ZERO_POINT: StatePoint = { position: 0, words: undefined };

export class Trail {
  /** In their order. Those beyond {@link end} are of the text that is being made, and wait until it has come so far. */
  #points: [StatePoint, ...StatePoint[]];
  /** Behind the first point. */
  readonly #fed: FedToken[] = [];

  constructor(first: StatePoint) {
    this.#points = [first];
  }

  /** Tokens fed since the state was zero, of all that the caller has seen. */
  get end(): number {
    return this.#points[0].position + this.#fed.length;
  }

  /** Position of the last point. */
  get lastPoint(): number {
    return this.#points.at(-1)!.position;
  }

  /** Tokens that the caller knows to be fed. What lies before a later point is forgotten. */
  push(fed: readonly FedToken[]): void {
    for (const entry of fed) this.#fed.push(entry);
    for (;;) {
      const [first, second, ...others] = this.#points;
      if (second === undefined || second.position > this.end) return;
      this.#fed.splice(0, second.position - first.position);
      this.#points = [second, ...others];
    }
  }

  /** A state on the way to {@link end}, or of the text that is being made. */
  keep(point: StatePoint): void {
    if (point.position <= this.lastPoint) return;
    this.#points.push(point);
    this.push([]);
  }

  /** Another text is made than the one that was under way. */
  forgetAhead(): void {
    const { end } = this;
    const [first, ...others] = this.#points;
    this.#points = [first, ...others.filter(({ position }) => position <= end)];
  }

  /** The last point that is not beyond `position`. */
  pointBefore(position: number): StatePoint {
    return this.#points.findLast((point) => point.position <= position) ?? this.#points[0];
  }

  /** What was fed behind a point, up to {@link end}. */
  behind({ position }: StatePoint): readonly FedToken[] {
    return this.#fed.slice(position - this.#points[0].position);
  }
}
