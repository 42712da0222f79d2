/**
 * A MatMul-free language model's configuration (`hgrn_bit`, arXiv 2406.02528), reduced to what inference needs.
 *
 * The checkpoint reader derives it from `config.json`; nothing else describes a checkpoint.
 */
import type { ModelShape } from '../protocol/image/model-shape.js';

/** Shape and constants of one checkpoint. */
export interface ModelConfig extends ModelShape {
  /** ε of the block norms (`rms_norm_eps`); BitLinear's own norm always uses 1e-6. */
  readonly rmsNormEps: number;
  /** Whether the forget gates have learned lower bounds. */
  readonly useLowerBound: boolean;
}
