/** AdamW (arXiv 1711.05101, algorithm 2) with clipping by the norm of all gradients, in double precision. */

export interface AdamWSettings {
  readonly rate: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly decay: number;
  readonly clip: number;
}

export class TwinAdamW {
  readonly #first = new Map<string, Float64Array>();
  readonly #second = new Map<string, Float64Array>();
  #step = 0;

  /** Moves `parameters`. @param decays which of them decay @returns the norm of all gradients */
  update(
    parameters: ReadonlyMap<string, Float64Array>,
    gradients: ReadonlyMap<string, Float64Array>,
    { rate, betas: [beta1, beta2], epsilon, decay, clip }: AdamWSettings,
    decays: (name: string) => boolean = () => true,
  ): number {
    this.#step++;
    const squares = [...gradients.values()].flatMap((values) => [...values]).reduce((sum, g) => sum + g * g, 0);
    const norm = Math.sqrt(squares);
    const scale = Math.min(1, clip / (norm + 1e-6));
    for (const [name, values] of parameters) {
      const gradient = gradients.get(name)!;
      const first = this.#moments(this.#first, name, values.length);
      const second = this.#moments(this.#second, name, values.length);
      for (let k = 0; k < values.length; k++) {
        const g = gradient[k]! * scale;
        first[k] = beta1 * first[k]! + (1 - beta1) * g;
        second[k] = beta2 * second[k]! + (1 - beta2) * g * g;
        const mean = first[k]! / (1 - beta1 ** this.#step);
        const spread = Math.sqrt(second[k]! / (1 - beta2 ** this.#step)) + epsilon;
        values[k] = values[k]! * (1 - rate * (decays(name) ? decay : 0)) - (rate * mean) / spread;
      }
    }
    return norm;
  }

  #moments(of: Map<string, Float64Array>, name: string, length: number): Float64Array {
    const moments = of.get(name) ?? new Float64Array(length);
    of.set(name, moments);
    return moments;
  }
}
