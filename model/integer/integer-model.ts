/**
 * The integer reference model: the machine that every other one must equal, bit for bit.
 *
 * docs/ARITHMETIC.md, section 5, line by line. A step allocates nothing. Comments give the real value an integer stands
 * for.
 */
import { crc32 } from '../../protocol/crc32.js';
import { embeddingStride, type ModelShape } from '../../protocol/image/model-shape.js';
import { BitLinearUnit } from './bitlinear.js';
import { addToResidual, gatedLinearUnit, gatedState, nextState } from './channels.js';
import { mul15, roundShift, sat16, sat31 } from './fixed-point.js';
import type { LayerWeights, ModelWeights } from './model-weights.js';

/** Room for `rows` outputs of a ternary product, which come in fives. */
function outputs(rows: number): Int32Array {
  return new Int32Array(Math.ceil(rows / 5) * 5);
}

/** One model with one recurrent state. */
export class IntegerModel {
  readonly shape: ModelShape;
  /** Logits of the last `step`, V × int32, Q12. Overwritten by the next. */
  readonly logits: Int32Array;
  /** [L][H], Q23: between steps, whoever writes into it goes on from there. */
  readonly state: Int32Array;
  readonly #weights: ModelWeights;
  readonly #unit: BitLinearUnit;
  /** [H] residual, Q12. */
  readonly #x: Int32Array;
  readonly #xBytes: Uint8Array;
  readonly #logitBytes: Uint8Array;
  /** One embedding row: u16 scale, then [H] int8. */
  readonly #row: Uint8Array;
  readonly #rowValues: Int8Array;
  /** [max(H, I)] input of a BitLinear unit. */
  readonly #v: Int32Array;
  readonly #i: Int32Array;
  readonly #f: Int32Array;
  readonly #g: Int32Array;
  readonly #gateUp: Int32Array;
  readonly #logits: Int32Array;
  /** CRC of the residual after the embedding and after each layer, L + 1 of them. */
  readonly #taps: Uint32Array;

  constructor(weights: ModelWeights) {
    const { shape } = weights;
    const { vocabSize, hiddenSize, intermediateSize, layers } = shape;
    const widest = Math.max(hiddenSize, intermediateSize);
    this.shape = shape;
    this.#weights = weights;
    this.#unit = new BitLinearUnit(widest);
    this.state = new Int32Array(layers * hiddenSize);
    this.#x = new Int32Array(hiddenSize);
    this.#row = new Uint8Array(embeddingStride(shape));
    this.#rowValues = new Int8Array(this.#row.buffer, 2);
    this.#v = new Int32Array(widest);
    this.#i = outputs(hiddenSize);
    this.#f = outputs(hiddenSize);
    this.#g = outputs(hiddenSize);
    this.#gateUp = outputs(2 * intermediateSize);
    this.#logits = outputs(vocabSize);
    this.logits = this.#logits.subarray(0, vocabSize);
    this.#xBytes = new Uint8Array(this.#x.buffer);
    this.#logitBytes = new Uint8Array(this.#logits.buffer, 0, 4 * vocabSize);
    this.#taps = new Uint32Array(layers + 1);
  }

  /** Starts a new sequence. */
  reset(): void {
    this.state.fill(0);
  }

  /**
   * Feeds one token and, unless `wantLogits` is false, computes the logits after it.
   *
   * @throws RangeError if `token` is not an id of the vocabulary.
   */
  step(token: number, wantLogits = true): void {
    this.#forward(token, false);
    if (wantLogits) this.#head();
  }

  /** As `step` with logits, and records the taps on the way. */
  stepWithTaps(token: number): Uint32Array {
    this.#forward(token, true);
    this.#head();
    return this.#taps;
  }

  /** L × H × int32, a copy. */
  readState(): Int32Array {
    return this.state.slice();
  }

  /** @param words of a state that is possible */
  writeState(words: Int32Array): void {
    this.state.set(words);
  }

  /** CRC-32 of the logits of the last step. */
  receipt(): number {
    return crc32(this.#logitBytes);
  }

  /** [H] residual after the last layer, Q12; for showing where two machines differ. */
  residual(): Int32Array {
    return this.#x;
  }

  #forward(token: number, wantTaps: boolean): void {
    this.#embed(token);
    if (wantTaps) this.#taps[0] = crc32(this.#xBytes);
    const { layers, hiddenSize } = this.shape;
    for (let l = 0; l < layers; l++) {
      const layer = this.#weights.layers[l];
      this.#mixTokens(layer, l * hiddenSize);
      this.#mixChannels(layer);
      if (wantTaps) this.#taps[l + 1] = crc32(this.#xBytes);
    }
  }

  #embed(token: number): void {
    const { vocabSize, hiddenSize } = this.shape;
    if (!Number.isInteger(token) || token < 0 || token >= vocabSize) {
      throw new RangeError(`token ${token} is not an id of the vocabulary (0 … ${vocabSize - 1})`);
    }
    const { readEmbeddingRow, embeddingShift } = this.#weights;
    readEmbeddingRow(token, this.#row);
    const scale = this.#row[0] + 256 * this.#row[1];
    for (let k = 0; k < hiddenSize; k++) {
      this.#x[k] = roundShift(Math.imul(this.#rowValues[k], scale), embeddingShift);
    }
  }

  /** MLGRU (paper, section 3.3.1): x += o(norm(g) · silu(h)). */
  #mixTokens(layer: LayerWeights, stateOffset: number): void {
    const { hiddenSize } = this.shape;
    const { sigma } = this.#weights;
    const x = this.#x;
    const v = this.#v;
    const state = this.state;
    const i = this.#i;
    const f = this.#f;
    const g = this.#g;
    const unit = this.#unit;

    this.#normResidual(layer.attnNorm);
    unit.multiply(layer.i, i);
    unit.multiply(layer.f, f);
    unit.multiply(layer.g, g);

    let gSquares = 0;
    for (let k = 0; k < hiddenSize; k++) {
      const h = nextState(sigma, state[stateOffset + k], i[k], f[k], layer.forgetScale[k]);
      const gate = sat16(g[k]); // Q8
      state[stateOffset + k] = h;
      v[k] = gatedState(sigma, h, gate, layer.gNorm[k]);
      gSquares += gate * gate;
    }
    unit.setInput(v, hiddenSize, Math.floor(gSquares / 2 ** layer.gEpsilonShift));
    unit.multiply(layer.o, i);
    for (let k = 0; k < hiddenSize; k++) x[k] = addToResidual(x[k], i[k]);
  }

  /** GLU (paper, section 3.3.2): x += down(silu(gate) · up). */
  #mixChannels(layer: LayerWeights): void {
    const { hiddenSize, intermediateSize } = this.shape;
    const { sigma } = this.#weights;
    const x = this.#x;
    const v = this.#v;
    const gateUp = this.#gateUp;
    const out = this.#i;
    const unit = this.#unit;

    this.#normResidual(layer.mlpNorm);
    unit.multiply(layer.gateUp, gateUp);
    for (let r = 0; r < intermediateSize; r++) v[r] = gatedLinearUnit(sigma, gateUp[2 * r], gateUp[2 * r + 1]);
    unit.setInput(v, intermediateSize, intermediateSize << 12);
    unit.multiply(layer.down, out);
    for (let k = 0; k < hiddenSize; k++) x[k] = addToResidual(x[k], out[k]);
  }

  #head(): void {
    const logits = this.logits;
    this.#normResidual(this.#weights.finalNorm);
    this.#unit.multiply(this.#weights.head, this.#logits);
    for (let r = 0; r < logits.length; r++) logits[r] = sat31(logits[r]);
  }

  /** v = x · gain into the unit; ε cancels between the two norms in a row. */
  #normResidual(gain: Int16Array): void {
    const { hiddenSize } = this.shape;
    const x = this.#x;
    const v = this.#v;
    for (let k = 0; k < hiddenSize; k++) v[k] = mul15(x[k], gain[k]);
    this.#unit.setInput(v, hiddenSize, 0);
  }
}
