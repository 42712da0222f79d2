/** WGSL: the head for one token: logits (docs/ARITHMETIC.md, section 5). */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { vectorLayout } from '../weights/vector-layout.js';
import { rowSize } from './arithmetic.js';
import { PRODUCT_SCALES } from './products/product-scales.js';
import { fusedProduct, type RowDeal } from './products/fused-product.js';

export function head(shape: ModelShape, deal: RowDeal): string {
  const { hiddenSize, vocabSize } = shape;
  const { head: vectors } = vectorLayout(shape);
  return fusedProduct(
    {
      declarations: /* wgsl */ `
@group(0) @binding(3) var<storage, read> x: array<vec4<i32>>;
@group(0) @binding(4) var<storage, read_write> logits: array<i32>;
${PRODUCT_SCALES.head}
`,
      row: rowSize(hiddenSize),
      matrixAt: 0,
      gains: [vectors.headGain],
      input: `mul15x4(x[word], gainWord(${vectors.finalNorm}u, word))`,
      epsilon: 'vec2(0u)',
      unitCount: vocabSize,
      unitRows: [{ product: 0, row: 'unit' }],
      epilogue: 'logits[unit] = sat31(out0);',
    },
    deal,
  );
}
