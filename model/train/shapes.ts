/** Shapes of models that can be asked for by name, and the `config.json` of a new model. */
import type { ModelConfig } from '../config.js';
import type { TokenizerFacts } from './tokenizer/tokenizer-facts.js';
import { badShape } from './train-error.js';

/** Names say how many weights a token meets, with a vocabulary of 4,096 (from 370M on: 32,000). */
export const SHAPES = {
  '100K': { hidden_size: 48, num_hidden_layers: 2, intermediate_size: 128 },
  '1M': { hidden_size: 96, num_hidden_layers: 6, intermediate_size: 256 },
  '4M': { hidden_size: 192, num_hidden_layers: 8, intermediate_size: 512 },
  '9M': { hidden_size: 256, num_hidden_layers: 8, intermediate_size: 768 },
  '21M': { hidden_size: 384, num_hidden_layers: 10, intermediate_size: 1024 },
  '370M': { hidden_size: 1024, num_hidden_layers: 24, intermediate_size: 2816 },
  '1.3B': { hidden_size: 2048, num_hidden_layers: 24, intermediate_size: 5632 },
} as const;

export type ShapeName = keyof typeof SHAPES;

export const SHAPE_NAMES: readonly ShapeName[] = Object.keys(SHAPES) as ShapeName[];

/** `config.json` of a new model, as the published class writes it. */
export function configJsonOf(shape: ShapeName, { vocabulary, bosId, eosId }: TokenizerFacts): string {
  const config = {
    model_type: 'hgrn_bit',
    architectures: ['HGRNBitForCausalLM'],
    vocab_size: vocabulary,
    ...SHAPES[shape],
    hidden_ratio: 4,
    hidden_act: 'swish',
    attn_mode: 'fused_recurrent',
    num_heads: 1,
    expand_ratio: 1,
    use_short_conv: false,
    use_lower_bound: true,
    rms_norm_eps: 1e-6,
    initializer_range: 0.02,
    max_position_embeddings: 2048,
    tie_word_embeddings: false,
    bos_token_id: bosId,
    eos_token_id: eosId,
    torch_dtype: 'float32',
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** @throws TrainError if no kernel takes it */
export function checkTrainable({ hiddenSize, intermediateSize }: ModelConfig): void {
  if (hiddenSize % 16 !== 0) throw badShape(`its hidden size is ${hiddenSize}`);
  if (intermediateSize % 16 !== 0) throw badShape(`its intermediate size is ${intermediateSize}`);
}
