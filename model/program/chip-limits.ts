/**
 * What models a chip of the gateware can hold (docs/GATEWARE.md, section 2), so that one that it cannot is refused with
 * the reason, before anything is written: the chip itself only finds no image.
 */

import type { ModelShape } from '../../protocol/image/model-shape.js';
import { sectionLengths } from '../../protocol/image/tensors.js';

export interface ChipLimits {
  readonly name: string;
  readonly maxHidden: number;
  readonly maxIntermediate: number;
  readonly maxLayers: number;
  readonly maxVocabulary: number;
  /** 32-bit numbers: H + maxIntermediate + L·H. */
  readonly stateWords: number;
  /** 16-bit numbers of the section `vectors`. */
  readonly vectorWords: number;
  /** Of the whole file. */
  readonly maxImageBytes: number;
  /** Width of the read port: H and I are multiples of it. */
  readonly portBytes: number;
}

/** `gateware/rtl/mmf_chip.v` as it is, which is what an iCEBreaker has. */
export const ICEBREAKER_LIMITS: ChipLimits = {
  name: 'the icebreaker gateware',
  maxHidden: 256,
  maxIntermediate: 768,
  maxLayers: 64,
  maxVocabulary: 65_536,
  stateWords: 16_384,
  vectorWords: 32_768,
  maxImageBytes: 0x00f0_0000,
  portBytes: 1,
};

/** `gateware/sim/mmf_sim_axi.v`: the simulated wide chip. @param portBits 64 … 512 */
export function wideChipLimits(portBits: number): ChipLimits {
  return {
    name: `the simulated chip axi-${portBits}`,
    maxHidden: 2048,
    maxIntermediate: 8192,
    maxLayers: 64,
    maxVocabulary: 65_536,
    stateWords: 131_072,
    vectorWords: 1_048_576,
    maxImageBytes: 0x0800_0000,
    portBytes: portBits / 8,
  };
}

/** What of a model a chip has no room for, in words such as `H 384 > 256`; empty if it fits. */
export function misfits(chip: ChipLimits, shape: ModelShape, imageBytes: number): string[] {
  const { hiddenSize: H, intermediateSize: I, layers: L, vocabSize: V } = shape;
  const limits: readonly (readonly [string, number, number])[] = [
    ['H', H, chip.maxHidden],
    ['I', I, chip.maxIntermediate],
    ['L', L, chip.maxLayers],
    ['V', V, chip.maxVocabulary],
    ['numbers of the state', H + chip.maxIntermediate + L * H, chip.stateWords],
    ['numbers of the vectors', sectionLengths(shape).vectors / 2, chip.vectorWords],
    ['bytes of the image', imageBytes, chip.maxImageBytes],
  ];
  const tooLarge = limits.filter(([, value, limit]) => value > limit);
  const uneven = Object.entries({ H, I }).filter(([, value]) => value % chip.portBytes !== 0);
  return [
    ...tooLarge.map(([name, value, limit]) => `${name} ${value} > ${limit}`),
    ...uneven.map(([name, value]) => `${name} ${value} is no multiple of ${chip.portBytes}`),
  ];
}
