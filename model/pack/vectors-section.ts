/**
 * The `vectors` section of an image from a checkpoint's norms, lower bounds and ternary means: docs/IMAGE.md, section 4.
 */
import { CONSTANTS, sectionLengths } from '../../protocol/image/model-shape.js';
import { scaleOutOfRange } from '../checkpoint/checkpoint-error.js';
import { blockNames, FINAL_NORM, HEAD, LOWER_BOUNDS, type BitLinearNames } from '../checkpoint/tensor-names.js';
import { readFloat32, type TensorSource } from '../checkpoint/tensor-source.js';
import type { ModelConfig } from '../config.js';
import { forgetScales, gEpsilonShift, quantiseGain, scaleConstant, type Gain } from './quantise.js';

/** Fraction bits of what a product feeds. */
const PRE_ACTIVATION_BITS = 8;
const RESIDUAL_BITS = 12;

/** Everything the section is made of, beside the checkpoint itself. */
export interface VectorInputs {
  readonly config: ModelConfig;
  /** mean |W| by tensor name. */
  readonly means: ReadonlyMap<string, number>;
  readonly embeddingShift: number;
}

/** The section's bytes. @throws CheckpointError when a norm is not finite or cannot be read */
export async function encodeVectors(source: TensorSource, inputs: VectorInputs): Promise<Uint8Array> {
  const { config, means, embeddingShift } = inputs;
  const { hiddenSize: h, intermediateSize: i, layers } = config;
  const section = new Int16Array(sectionLengths(config).vectors / 2);
  let offset = 0;
  const append = (values: ArrayLike<number>, length = values.length): void => {
    section.set(values, offset);
    offset += length;
  };
  const gain = async (name: string): Promise<Gain> => quantiseGain(await readFloat32(source, name));
  const product = async (names: BitLinearNames, columns: number, outputBits: number): Promise<Product> => {
    const { mantissas, exponent } = await gain(names.norm);
    const mean = means.get(names.weight);
    if (mean === undefined) throw new RangeError(`no mean of ${names.weight}`);
    const scale = scaleConstant(mean, columns, exponent, outputBits);
    if (scale.exponent < -64 || scale.exponent > 24) throw scaleOutOfRange(names.norm);
    return { gain: mantissas, constants: [scale.mantissa, scale.exponent] };
  };

  const head = await product(HEAD, h, RESIDUAL_BITS);
  append([embeddingShift, ...head.constants], CONSTANTS);
  append((await gain(FINAL_NORM)).mantissas);
  append(head.gain);

  const bounds = config.useLowerBound ? await readFloat32(source, LOWER_BOUNDS) : undefined;
  const forget = forgetScales(bounds, layers, h);
  for (let l = 0; l < layers; l++) {
    const names = blockNames(l);
    const iProj = await product(names.iProj, h, PRE_ACTIVATION_BITS);
    const fProj = await product(names.fProj, h, PRE_ACTIVATION_BITS);
    const gProj = await product(names.gProj, h, PRE_ACTIVATION_BITS);
    const oProj = await product(names.oProj, h, RESIDUAL_BITS);
    const gateProj = await product(names.gateProj, h, PRE_ACTIVATION_BITS);
    const downProj = await product(names.downProj, i, RESIDUAL_BITS);
    const gNorm = await gain(names.gNorm);
    if (gEpsilonShift(gNorm.exponent) > 127) throw scaleOutOfRange(names.gNorm);
    const products = [iProj, fProj, gProj, oProj, gateProj, downProj];
    append([...products.flatMap(({ constants }) => constants), gEpsilonShift(gNorm.exponent)], CONSTANTS);
    append((await gain(names.attnNorm)).mantissas);
    append(iProj.gain);
    append(fProj.gain);
    append(gProj.gain);
    append(forget[l]);
    append(gNorm.mantissas);
    append(oProj.gain);
    append((await gain(names.mlpNorm)).mantissas);
    append(gateProj.gain);
    append(downProj.gain);
  }
  return new Uint8Array(section.buffer);
}

interface Product {
  readonly gain: Int16Array;
  /** mm, em */
  readonly constants: readonly [number, number];
}
