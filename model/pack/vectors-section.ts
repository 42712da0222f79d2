/**
 * The `vectors` section of an image from a checkpoint's norms, lower bounds and ternary means: docs/IMAGE.md, section
 * 4.
 */
import { CONSTANTS } from '../../protocol/image/model-shape.js';
import {
  blockStart,
  HEAD_BLOCK,
  LAYER_BLOCK,
  sectionLengths,
  slotOf,
  type Block,
  type MatrixName,
  type MatrixTensor,
  type NormName,
} from '../../protocol/image/tensors.js';
import { scaleOutOfRange } from '../checkpoint/checkpoint-error.js';
import { blockNames, FINAL_NORM, HEAD, LOWER_BOUNDS, type BitLinearNames } from '../checkpoint/tensor-names.js';
import { readFloat32, type TensorSource } from '../checkpoint/tensor-source.js';
import type { ModelConfig } from '../config.js';
import { forgetScales, gEpsilonShift, quantiseGain, scaleConstant, type Gain } from './quantise.js';

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
  const bounds = config.useLowerBound ? await readFloat32(source, LOWER_BOUNDS) : undefined;
  const forget = forgetScales(bounds, layers, h);
  const gain = async (name: string): Promise<Gain> => quantiseGain(await readFloat32(source, name));
  const product = async (names: BitLinearNames, { columns, outputBits }: MatrixTensor): Promise<Product> => {
    const { mantissas, exponent } = await gain(names.norm);
    const mean = means.get(names.weight);
    if (mean === undefined) throw new RangeError(`no mean of ${names.weight}`);
    const scale = scaleConstant(mean, columns === 'H' ? h : i, exponent, outputBits);
    if (scale.exponent < -64 || scale.exponent > 24) throw scaleOutOfRange(names.norm);
    return { gain: mantissas, constants: [scale.mantissa, scale.exponent] };
  };
  /** Writes a block but for the constants that are no scales. @returns exponents of its norms, by name */
  const write = async <B extends Block>(
    block: B,
    layer: number,
    norms: Readonly<Record<NormName<B>, string>>,
    products: Readonly<Record<MatrixName<B>, BitLinearNames>>,
  ): Promise<ReadonlyMap<string, number>> => {
    const start = blockStart(layer, config);
    const exponents = new Map<string, number>();
    let at = start + CONSTANTS;
    const append = (values: Int16Array): void => {
      section.set(values, at);
      at += values.length;
    };
    for (const { kind, name } of block.vectors) {
      if (kind === 'bound') {
        append(forget[layer]);
      } else if (kind === 'norm') {
        const { mantissas, exponent } = await gain(norms[name as NormName<B>]);
        exponents.set(name, exponent);
        append(mantissas);
      } else {
        const matrix = matrixWithGain(block, name);
        const { gain: mantissas, constants } = await product(products[matrix.name as MatrixName<B>], matrix);
        section.set(constants, start + matrix.scale);
        append(mantissas);
      }
    }
    return exponents;
  };

  await write(HEAD_BLOCK, -1, { finalNorm: FINAL_NORM }, { head: HEAD });
  section[slotOf(HEAD_BLOCK, 'embeddingShift')] = embeddingShift;
  for (let l = 0; l < layers; l++) {
    const names = blockNames(l);
    const exponents = await write(LAYER_BLOCK, l, names, names);
    const shift = gEpsilonShift(exponents.get('gNorm')!);
    if (shift > 127) throw scaleOutOfRange(names.gNorm);
    section[blockStart(l, config) + slotOf(LAYER_BLOCK, 'gEpsShift')] = shift;
  }
  return new Uint8Array(section.buffer);
}

interface Product {
  readonly gain: Int16Array;
  /** mm, em */
  readonly constants: readonly [number, number];
}

/** The matrix whose product has a gain. */
function matrixWithGain({ matrices }: Block, gain: string): MatrixTensor {
  return matrices.find((matrix) => matrix.gain === gain)!;
}
