/** WGSL: gate and up of the channel mixing (GLU) for one token: z = silu(gate)·up (docs/ARITHMETIC.md, section 5). */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { layerMatrixOffsets } from '../weights/matrix-layout.js';
import { vectorLayout } from '../weights/vector-layout.js';
import { rowSize, sigmoid } from './arithmetic.js';
import { PRODUCT_SCALES } from './products/product-scales.js';
import { fusedProduct, type RowDeal } from './products/fused-product.js';
import { residual, scratch, scratchLayout, TABLES } from './layer-bindings.js';

/** From two outputs before saturation to z in Q16; −32768 as `up` is taken as −32767. */
export const GLU = /* wgsl */ `
fn glu(gateOut: i32, upOut: i32) -> i32 {
  let gate = sat16(gateOut);
  return mul15(gate * sigmoid(up3(gate)), max(-32767, sat16(upOut)));
}
`;

export function gluInput(shape: ModelShape, deal: RowDeal): string {
  const { hiddenSize, intermediateSize } = shape;
  const { layer } = vectorLayout(shape);
  return fusedProduct(
    {
      declarations: /* wgsl */ `
${TABLES}
${residual('vec4<i32>')}
${scratch('i32')}
${sigmoid(deal.size)}
${GLU}
${PRODUCT_SCALES.glu}
`,
      row: rowSize(hiddenSize),
      matrixAt: layerMatrixOffsets(shape).glu,
      gains: [layer.gateGain],
      input: `mul15x4(x[word], gainWord(${layer.mlpNorm}u, word))`,
      epsilon: 'vec2(0u)',
      unitCount: intermediateSize,
      unitRows: [
        { product: 0, row: '2u * unit' },
        { product: 0, row: '2u * unit + 1u' },
      ],
      begin: 'loadSigma(local);',
      epilogue: `scratch[${4 * scratchLayout(shape).products}u + unit] = glu(out0, out1);`,
    },
    deal,
  );
}
