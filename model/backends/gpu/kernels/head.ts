/** WGSL: the head for one token: logits, and their CRC-32 on the way (docs/ARITHMETIC.md, sections 5 and 7). */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { vectorLayout } from '../vector-layout.js';
import { CRC, rowSize } from './arithmetic.js';
import { fusedProduct, type RowDeal } from './fused-product.js';

export function head(shape: ModelShape, deal: RowDeal): string {
  const { hiddenSize, vocabSize } = shape;
  const { head: vectors } = vectorLayout(shape);
  return fusedProduct(
    {
      declarations: /* wgsl */ `
@group(0) @binding(3) var<storage, read> crcFactors: array<u32>;
@group(0) @binding(4) var<storage, read> x: array<vec4<i32>>;
@group(0) @binding(5) var<storage, read_write> logits: array<i32>;
@group(0) @binding(6) var<storage, read_write> receipts: array<atomic<u32>>;
var<workgroup> crcOfRows: atomic<u32>;
${CRC}
fn productScale(product: u32) -> vec2<i32> { return constants[0].yz; }
`,
      row: rowSize(hiddenSize),
      gains: [vectors.headGain],
      input: `mul15x4(x[word], gainWord(${vectors.finalNorm}u, word))`,
      epsilon: 'vec2(0u)',
      unitCount: vocabSize,
      unitRows: [{ product: 0, row: 'unit' }],
      epilogue: /* wgsl */ `
    let logit = sat31(out0);
    logits[unit] = logit;
    atomicXor(&crcOfRows, crcTerm(u32(logit), ${vocabSize - 1}u - unit));`,
      end: /* wgsl */ `
  workgroupBarrier();
  if (local == 0u) { atomicXor(&receipts[0], atomicLoad(&crcOfRows)); }`,
    },
    deal,
  );
}
