/**
 * WGSL: the o product and the down product for one token, added to the residual (docs/ARITHMETIC.md, section 5).
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { vectorLayout } from '../vector-layout.js';
import { rowSize } from './arithmetic.js';
import { fusedProduct, type RowDeal } from './fused-product.js';

const RESIDUAL = /* wgsl */ `
@group(0) @binding(3) var<storage, read> activations: array<vec4<i32>>;
@group(0) @binding(4) var<storage, read_write> x: array<i32>;
`;

const ADD = { early: { before: 'x[unit]' }, epilogue: 'x[unit] = sat31(before + sat31(out0));' };

/** The ε of o comes from the gates: (Σ g²) >> gEpsShift. */
export function mixOutput(shape: ModelShape, deal: RowDeal): string {
  const { hiddenSize } = shape;
  return fusedProduct(
    {
      declarations: /* wgsl */ `${RESIDUAL}
@group(0) @binding(5) var<storage, read> gates: array<vec4<i32>>;
fn productScale(product: u32) -> vec2<i32> { return constants[1].zw; }
`,
      row: rowSize(hiddenSize),
      gains: [vectorLayout(shape).layer.oGain],
      input: 'activations[word]',
      squared: 'gates[word]',
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
fn productScale(product: u32) -> vec2<i32> { return constants[2].zw; }
`,
      row: rowSize(intermediateSize),
      gains: [vectorLayout(shape).layer.downGain],
      input: 'activations[word]',
      epsilon: `carried(0u, ${intermediateSize << 12}u)`,
      unitCount: hiddenSize,
      unitRows: [{ product: 0, row: 'unit' }],
      ...ADD,
    },
    deal,
  );
}
