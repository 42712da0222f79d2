/**
 * WGSL: the o product and the down product for one token, added to the residual (docs/ARITHMETIC.md, section 5).
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { layerMatrixOffsets } from '../weights/matrix-layout.js';
import { vectorLayout } from '../weights/vector-layout.js';
import { rowSize } from './arithmetic.js';
import { PRODUCT_SCALES } from './products/product-scales.js';
import { fusedProduct, type RowDeal } from './products/fused-product.js';
import { residual, scratch, scratchLayout } from './layer-bindings.js';

const RESIDUAL = `
${scratch('vec4<i32>')}
${residual('i32')}
`;

const ADD = { early: { before: 'x[unit]' }, epilogue: 'x[unit] = sat31(before + sat31(out0));' };

/** The ε of o comes from the gates: (Σ g²) >> gEpsShift. */
export function mixOutput(shape: ModelShape, deal: RowDeal): string {
  const { hiddenSize } = shape;
  const { mixed, gates } = scratchLayout(shape);
  return fusedProduct(
    {
      declarations: /* wgsl */ `${RESIDUAL}
${PRODUCT_SCALES.mixOutput}
`,
      row: rowSize(hiddenSize),
      matrixAt: layerMatrixOffsets(shape).mixOutput,
      gains: [vectorLayout(shape).layer.oGain],
      input: `scratch[${mixed}u + word]`,
      squared: `scratch[${gates}u + word]`,
      epsilon: 'shiftedSum(squares, u32(constants[3].x))',
      unitCount: hiddenSize,
      unitRows: [{ product: 0, row: 'unit' }],
      ...ADD,
    },
    deal,
  );
}

/** E = I << 12. */
export function gluOutput(shape: ModelShape, deal: RowDeal): string {
  const { hiddenSize, intermediateSize } = shape;
  return fusedProduct(
    {
      declarations: /* wgsl */ `${RESIDUAL}
${PRODUCT_SCALES.gluOutput}
`,
      row: rowSize(intermediateSize),
      matrixAt: layerMatrixOffsets(shape).gluOutput,
      gains: [vectorLayout(shape).layer.downGain],
      input: `scratch[${scratchLayout(shape).products}u + word]`,
      epsilon: `carried(0u, ${intermediateSize << 12}u)`,
      unitCount: hiddenSize,
      unitRows: [{ product: 0, row: 'unit' }],
      ...ADD,
    },
    deal,
  );
}
