/**
 * A second implementation of the integer model, written from docs/ARITHMETIC.md alone, to be compared with every other.
 *
 * It is meant to be read beside the document: `#layer` is section 5 line by line. BigInt holds every value, and every
 * bound that the document claims is checked (`within`), so a model on which it does not throw is one on which the
 * bounds hold.
 */
import type { ModelSections } from '../../protocol/image/model-shape.js';
import { bitLinear, normalise, sumOfSquares } from './bit-linear.js';
import type { UnitEvents } from './bit-linear.js';
import { crc32OfInt32 } from './crc32.js';
import { readSections } from './integer-model.js';
import type { IntegerLayer, IntegerModel } from './integer-model.js';
import { INT32, at, mul15, product16, rsh, sat, within } from './primitives.js';
import { sigma } from './tables.js';

/** What one token leaves behind. */
export interface OracleStep {
  /** V logits, Q12. */
  readonly logits: bigint[];
  /** CRC-32 of the logits. */
  readonly receipt: number;
  /** L + 1 residuals of H elements, Q12: after the embedding and after each layer. */
  readonly residuals: bigint[][];
  /** CRC-32 of each residual. */
  readonly taps: number[];
}

/** Saturations and other rare things since the model was made. */
export interface ModelEvents extends UnitEvents {
  preActivationHigh: number;
  preActivationLow: number;
  /** sat_31 of a BitLinear output that is added to the residual. */
  updateSaturated: number;
  residualHigh: number;
  residualLow: number;
  logitHigh: number;
  logitLow: number;
  /** up = −32768, taken as −32767. */
  lowestUp: number;
}

/** The integer model with one recurrent state. */
export class BigIntModel {
  readonly events: ModelEvents = {
    zeroVector: 0,
    scaleSaturated: 0,
    shiftedOut: 0,
    lowestN: 0,
    preActivationHigh: 0,
    preActivationLow: 0,
    updateSaturated: 0,
    residualHigh: 0,
    residualLow: 0,
    logitHigh: 0,
    logitLow: 0,
    lowestUp: 0,
  };
  /** h[l][k], Q23. */
  state: bigint[][] = [];
  readonly #model: IntegerModel;

  /** Throws `RangeError` if the sections do not fit the shape or hold a value out of range. */
  constructor(sections: ModelSections) {
    this.#model = readSections(sections);
    this.reset();
  }

  /** Starts a new sequence: the state becomes zero. */
  reset(): void {
    this.state = this.#model.layers.map(({ attnNorm }) => attnNorm.map(() => 0n));
  }

  /** Section 5: feeds one token id below V. Throws `RangeError` where the document is wrong about a bound. */
  step(token: number): OracleStep {
    const { embedding, embeddingShift, layers, finalNorm, head } = this.#model;
    const { row, rowScale } = at(embedding, token);
    let x = row.map((value) => rsh(product16(value, rowScale), embeddingShift));
    const residuals = [x];
    for (const [index, layer] of layers.entries()) {
      x = this.#layer(x, layer, at(this.state, index));
      residuals.push(x);
    }
    const v = x.map((value, k) => mul15(value, at(finalNorm, k)));
    const logits = bitLinear(normalise(v, 0n), head, this.events).map((out) => this.#saturateLogit(out));
    return { logits, receipt: crc32OfInt32(logits), residuals, taps: residuals.map(crc32OfInt32) };
  }

  /** One block: residual in, residual out, `h` updated in place. */
  #layer(residual: readonly bigint[], layer: IntegerLayer, h: bigint[]): bigint[] {
    const shared = normalise(
      residual.map((value, k) => mul15(value, at(layer.attnNorm, k))),
      0n,
    );
    const i = this.#preActivations(bitLinear(shared, layer.i, this.events));
    const f = this.#preActivations(bitLinear(shared, layer.f, this.events));
    const g = this.#preActivations(bitLinear(shared, layer.g, this.events));

    const gated = h.map((old, k) => {
      const s = product16(at(i, k), sigma(up3(at(i, k))));
      const complement = (product16(sigma(up3(-at(f, k))), at(layer.clb, k)) + 2n ** 14n) >> 15n;
      h[k] = nextState(old, s, within('1 − f', complement, 0n, 32767n));
      const y = mul15(at(h, k), sigma(sat(rsh(at(h, k), 12n), 16n)));
      const b = (product16(at(g, k), at(layer.gNorm, k)) + 2n ** 14n) >> 15n;
      return mul15(y, within('b', b, -32767n, 32767n));
    });
    const E = sumOfSquares(g) >> layer.gEpsShift;
    const middle = this.#addToResidual(residual, bitLinear(normalise(gated, E), layer.o, this.events));

    const mlpInput = middle.map((value, k) => mul15(value, at(layer.mlpNorm, k)));
    const gateUp = this.#preActivations(bitLinear(normalise(mlpInput, 0n), layer.gateUp, this.events));
    const z = layer.down.gain.map((_, r) => this.#glu(at(gateUp, 2 * r), at(gateUp, 2 * r + 1)));
    const downE = BigInt(z.length) << 12n;
    return this.#addToResidual(middle, bitLinear(normalise(z, downE), layer.down, this.events));
  }

  /** z of one gate and its up, Q16. */
  #glu(gate: bigint, up: bigint): bigint {
    if (up === -32768n) this.events.lowestUp++;
    return mul15(product16(gate, sigma(up3(gate))), up === -32768n ? -32767n : up);
  }

  #preActivations(outputs: readonly bigint[]): bigint[] {
    return outputs.map((out) => {
      if (out > 32767n) this.events.preActivationHigh++;
      if (out < -32768n) this.events.preActivationLow++;
      return sat(out, 16n);
    });
  }

  #addToResidual(x: readonly bigint[], outputs: readonly bigint[]): bigint[] {
    return outputs.map((out, k) => {
      const update = sat(out, 31n);
      if (update !== out) this.events.updateSaturated++;
      const next = within('x + out', at(x, k) + update, INT32.low, INT32.high);
      if (next >= 2n ** 30n) this.events.residualHigh++;
      if (next < -(2n ** 30n)) this.events.residualLow++;
      return sat(next, 31n);
    });
  }

  #saturateLogit(out: bigint): bigint {
    if (out >= 2n ** 30n) this.events.logitHigh++;
    if (out < -(2n ** 30n)) this.events.logitLow++;
    return sat(out, 31n);
  }
}

/** Q8 to Q11. The argument may have 17 bits. */
function up3(p: bigint): bigint {
  return sat(p * 8n, 16n);
}

/** h + (s − h)·k, with the induction of section 6: the result lies between h and s. */
function nextState(h: bigint, s: bigint, complement: bigint): bigint {
  const limit = 32768n * 32767n;
  within('s', s, -limit, limit);
  const next = h + mul15(within('s − h', s - h, -2n * limit, 2n * limit), complement);
  within('h between h and s', next, h < s ? h : s, h < s ? s : h);
  return within('h', next, -limit, limit);
}
