/**
 * WGSL: a look at all logits in parallel: the receipt (docs/ARITHMETIC.md, section 7), and the best of every sixteen,
 * with which the sampler finds the largest without reading all.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { CRC } from './arithmetic.js';
import { enableSubgroups, reduction, type Group } from './reduce.js';

/** Neighbouring logits of which the best is kept. */
export const LOGITS_PER_BEST = 16;

/** Bests of one sequence. */
export function bestCount({ vocabSize }: ModelShape): number {
  return Math.ceil(vocabSize / LOGITS_PER_BEST);
}

/** Places of one sequence in the buffer of the bests: they, and room for candidates, which are all tokens at worst. */
export function bestPlaces(shape: ModelShape): number {
  return bestCount(shape) + shape.vocabSize;
}

/** Workgroups for one sequence. */
export function surveyWorkgroups({ vocabSize }: ModelShape, { size }: Group): number {
  return Math.ceil(vocabSize / size);
}

/** A logit and its id; those of no token are below all others. */
export const RANKED = /* wgsl */ `
struct Ranked { logit: i32, id: u32 }
const NO_TOKEN = Ranked(-2147483647, 0xffffffffu);
fn isBefore(a: Ranked, b: Ranked) -> bool { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); }
`;

/** One invocation for each logit; the second dimension counts sequences. `receipts` must be zero before. */
export function surveyLogits(shape: ModelShape, group: Group): string {
  const { vocabSize } = shape;
  const { size } = group;
  return /* wgsl */ `${enableSubgroups(group)}
@group(0) @binding(0) var<storage, read> crcFactors: array<u32>;
@group(0) @binding(1) var<storage, read> logits: array<i32>;
@group(0) @binding(2) var<storage, read_write> receipts: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read_write> bests: array<Ranked>;
${RANKED}
${CRC}
${reduction('reduceCrc', ['xor'], group)}
var<workgroup> shares: array<i32, ${size}>;

@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let id = group.x * ${size}u + local;
  var term = 0u;
  if (id < ${vocabSize}u) {
    let logit = logits[group.y * ${vocabSize}u + id];
    shares[local] = logit;
    term = crcTerm(u32(logit), ${vocabSize - 1}u - id);
  }
  let crc = reduceCrc(local, array<u32, 1>(term))[0];
  if (local == 0u) { atomicXor(&receipts[group.y], crc); }
  workgroupBarrier();
  let first = local * ${LOGITS_PER_BEST}u;
  let firstId = group.x * ${size}u + first;
  if (first < ${size}u && firstId < ${vocabSize}u) {
    var best = NO_TOKEN;
    for (var k = 0u; k < ${LOGITS_PER_BEST}u; k++) {
      if (firstId + k < ${vocabSize}u && shares[first + k] > best.logit) { best = Ranked(shares[first + k], firstId + k); }
    }
    bests[group.y * ${bestPlaces(shape)}u + firstId / ${LOGITS_PER_BEST}u] = best;
  }
}
`;
}
