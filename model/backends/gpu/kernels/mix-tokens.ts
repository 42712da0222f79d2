/**
 * WGSL: the first half of a layer's token mixing (MLGRU), for one token: i, f and g, then the state and the input of
 * the o product.
 *
 * docs/ARITHMETIC.md, section 5, from `v = mul15(x, attnNorm)` to `v = mul15(y, b)`.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { layerMatrixOffsets } from '../weights/matrix-layout.js';
import { vectorLayout } from '../weights/vector-layout.js';
import { rowSize, sigmoid, VECTOR_AT } from './arithmetic.js';
import { CONTROL } from './control.js';
import { PRODUCT_SCALES } from './products/product-scales.js';
import { fusedProduct, type RowDeal } from './products/fused-product.js';
import { CONTROL_BLOCK, residual, scratch, scratchLayout, states, TABLES } from './layer-bindings.js';

export function mixTokens(shape: ModelShape, deal: RowDeal): string {
  const { hiddenSize } = shape;
  const { layer } = vectorLayout(shape);
  const { mixed, gates } = scratchLayout(shape);
  return fusedProduct(
    {
      declarations: /* wgsl */ `
${TABLES}
${residual('vec4<i32>')}
${states('i32')}
${scratch('i32')}
${CONTROL_BLOCK}
${sigmoid(deal.size)}
${PRODUCT_SCALES.mix}
${VECTOR_AT}
`,
      row: rowSize(hiddenSize),
      matrixAt: layerMatrixOffsets(shape).mix,
      gains: [layer.iGain, layer.fGain, layer.gGain],
      input: `mul15x4(x[word], gainWord(${layer.attnNorm}u, word))`,
      epsilon: 'vec2(0u)',
      unitCount: hiddenSize,
      unitRows: [
        { product: 0, row: 'unit' },
        { product: 1, row: `${hiddenSize}u + unit` },
        { product: 2, row: `${2 * hiddenSize}u + unit` },
      ],
      begin: 'loadSigma(local);',
      early: {
        before: 'state[unit]',
        forgetScale: `vectorAt(${layer.clb}u, unit)`,
        gNorm: `vectorAt(${layer.gNorm}u, unit)`,
      },
      epilogue: /* wgsl */ `
    let input = sat16(out0);
    let silu = input * sigmoid(up3(input));
    let forget = (sigmoid(up3(-sat16(out1))) * forgetScale + 0x4000) >> 15u;
    let h = before + mul15(silu - before, forget);
    // A run that has ended leaves the state as it is.
    if (control[${CONTROL.done}] == 0u) { state[unit] = h; }
    let swish = mul15(h, sigmoid(sat16(roundShift(h, 12u))));
    let gate = sat16(out2);
    scratch[${4 * mixed}u + unit] = mul15(swish, (gate * gNorm + 0x4000) >> 15u);
    scratch[${4 * gates}u + unit] = gate;`,
    },
    deal,
  );
}
