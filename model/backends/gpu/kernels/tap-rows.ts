/**
 * WGSL: taps, the CRC-32 of the residual of many tokens (docs/ARITHMETIC.md, section 7), without the constant share.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { CRC, rowSize } from './arithmetic.js';

/** One workgroup for each row. The taps of a layer lie at `place.first` and after. */
export function tapRows({ hiddenSize }: ModelShape, size: number): string {
  return /* wgsl */ `
struct Place { first: u32, pad0: u32, pad1: u32, pad2: u32 }
@group(0) @binding(0) var<uniform> place: Place;
@group(0) @binding(1) var<storage, read> crcFactors: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<i32>;
@group(0) @binding(3) var<storage, read_write> taps: array<u32>;
var<workgroup> crc: atomic<u32>;
${CRC}
@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  var share = 0u;
  for (var k = local; k < ${hiddenSize}u; k += ${size}u) {
    share ^= crcTerm(u32(x[group.x * ${4 * rowSize(hiddenSize).words}u + k]), ${hiddenSize - 1}u - k);
  }
  if (local == 0u) { atomicStore(&crc, 0u); }
  workgroupBarrier();
  atomicXor(&crc, share);
  workgroupBarrier();
  if (local == 0u) { taps[place.first + group.x] = atomicLoad(&crc); }
}
`;
}
