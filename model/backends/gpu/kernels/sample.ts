/**
 * WGSL: the integer sampler (docs/ARITHMETIC.md, section 8), one workgroup for each sequence, and the embedding of the token that it chose, so
 * that a run needs nothing from the host.
 *
 * The largest logits are found by a bound: each invocation takes the best of its share (from the bests of every sixteen, see survey-logits.ts); what
 * is behind the k-th best of these cannot be among the k largest. Logits with their ids are all different, so ties cannot make the list longer.
 */
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { MAX_CANDIDATES } from '../../../integer/sampler.js';
import { ARITHMETIC } from './arithmetic.js';
import { CONTROL, CONTROL_WORDS, RESULT_WORDS } from './control.js';
import { embedRow } from './embed.js';
import { bestCount, bestPlaces, LOGITS_PER_BEST, RANKED } from './survey-logits.js';

/** Candidates that fit in workgroup memory; more are rare, and only slower. */
const FAST_CANDIDATES = 512;

/** @param size invocations; at least `MAX_CANDIDATES` @param slots results that fit in the buffer, for each sequence */
export function sample(shape: ModelShape, size: number, slots: number, crcOfZeros: number): string {
  const { vocabSize, eosTokenId } = shape;
  const groups = bestCount(shape);
  return /* wgsl */ `
${ARITHMETIC}
@group(0) @binding(0) var<uniform> constants: array<vec4<i32>, 4>;
@group(0) @binding(1) var<storage, read_write> control: array<u32>;
@group(0) @binding(2) var<storage, read_write> receipts: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read> logits: array<i32>;
@group(0) @binding(4) var<storage, read> tables: array<u32>;
@group(0) @binding(5) var<storage, read> embedding: array<u32>;
@group(0) @binding(6) var<storage, read_write> x: array<i32>;
@group(0) @binding(7) var<storage, read_write> results: array<u32>;
@group(0) @binding(8) var<storage, read_write> bests: array<Ranked>;
fn embeddingShift() -> u32 { return u32(constants[0].x); }
${embedRow(shape, size)}

${RANKED}

var<workgroup> shareBests: array<Ranked, ${size}>;
var<workgroup> candidates: array<Ranked, ${FAST_CANDIDATES}>;
var<workgroup> bound: Ranked;
var<workgroup> count: atomic<u32>;
var<workgroup> chosen: array<Ranked, ${MAX_CANDIDATES}>;
var<workgroup> cumulative: array<i32, ${MAX_CANDIDATES}>;
var<workgroup> next: u32;

fn threefry(keyLow: u32, keyHigh: u32, counter: u32) -> u32 {
  var keys = array<u32, 3>(keyLow, keyHigh, 0x1bd11bdau ^ keyLow ^ keyHigh);
  var rotations = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  var a = counter + keys[0];
  var b = keys[1];
  for (var round = 0u; round < 20u; round++) {
    let rotation = rotations[round % 8u];
    a += b;
    b = ((b << rotation) | (b >> (32u - rotation))) ^ a;
    if (round % 4u == 3u) {
      let j = (round + 1u) / 4u;
      a += keys[j % 3u];
      b += keys[(j + 1u) % 3u] + j;
    }
  }
  return a;
}

// First of n cumulative weights that reaches the threshold; the last if none does.
fn firstAtLeast(threshold: i32, n: u32) -> u32 {
  var j = 0u;
  while (j + 1u < n && cumulative[j] < threshold) { j++; }
  return j;
}

fn weightOf(j: u32, invTemperature: u32) -> i32 {
  let distance = min(chosen[0].logit - chosen[j].logit, 67108863);
  let exponent = mul15(distance << 4u, i32(invTemperature));
  return i32(tables[257u + ((u32(exponent) >> 3u) & 255u)] >> min(u32(exponent) >> 11u, 31u));
}

// By one invocation, when the cumulative weights stand.
fn draw(control0: u32, n: u32) -> u32 {
  if (n == 1u) { return chosen[0].id; }
  let topP = control[control0 + ${CONTROL.topP}u];
  var kept = n;
  if (topP < 32768u) { kept = firstAtLeast(mul15(cumulative[n - 1u], i32(topP)), n) + 1u; }
  let total = u32(cumulative[kept - 1u]);
  let random = threefry(control[control0 + ${CONTROL.seedLow}u], control[control0 + ${CONTROL.seedHigh}u], control[control0 + ${CONTROL.index}u]) >> 17u;
  let target_ = (((total >> 16u) * random) << 1u) + (((total & 0xffffu) * random) >> 15u);
  return chosen[firstAtLeast(i32(target_ + 1u), kept)].id;
}

@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let row = group.x;
  let control0 = row * ${CONTROL_WORDS}u;
  let logit0 = row * ${vocabSize}u;
  let greedy = control[control0 + ${CONTROL.invTemperature}u] == 0u;
  let wanted = min(select(control[control0 + ${CONTROL.topK}u], 1u, greedy), ${Math.min(vocabSize, MAX_CANDIDATES)}u);

  if (local == 0u) { atomicStore(&count, 0u); }
  let best0 = row * ${bestPlaces(shape)}u;
  var best = NO_TOKEN;
  for (var k = local; k < ${groups}u; k += ${size}u) {
    let other = bests[best0 + k];
    if (isBefore(other, best)) { best = other; }
  }
  shareBests[local] = best;
  workgroupBarrier();
  var rank = 0u;
  for (var j = 0u; j < ${size}u; j++) { rank += u32(isBefore(shareBests[j], best)); }
  if (rank + 1u == wanted) { bound = best; }
  workgroupBarrier();
  let last = workgroupUniformLoad(&bound);
  if (!isBefore(last, best)) {
    for (var k = local; k < ${groups}u; k += ${size}u) {
      if (isBefore(last, bests[best0 + k])) { continue; }
      let first = k * ${LOGITS_PER_BEST}u;
      for (var id = first; id < min(first + ${LOGITS_PER_BEST}u, ${vocabSize}u); id++) {
        let candidate = Ranked(logits[logit0 + id], id);
        if (isBefore(last, candidate)) { continue; }
        let place = atomicAdd(&count, 1u);
        if (place < ${FAST_CANDIDATES}u) { candidates[place] = candidate; }
        bests[best0 + ${groups}u + place] = candidate;
      }
    }
  }
  storageBarrier();
  workgroupBarrier();
  let found = atomicLoad(&count);
  if (found <= ${FAST_CANDIDATES}u) {
    for (var c = local; c < found; c += ${size}u) {
      let mine = candidates[c];
      var place = 0u;
      for (var j = 0u; j < found; j++) { place += u32(isBefore(candidates[j], mine)); }
      if (place < wanted) { chosen[place] = mine; }
    }
  } else {
    for (var c = local; c < found; c += ${size}u) {
      let mine = bests[best0 + ${groups}u + c];
      var place = 0u;
      for (var j = 0u; j < found && place < wanted; j++) { place += u32(isBefore(bests[best0 + ${groups}u + j], mine)); }
      if (place < wanted) { chosen[place] = mine; }
    }
  }
  workgroupBarrier();
  if (!greedy && local < wanted) { cumulative[local] = weightOf(local, control[control0 + ${CONTROL.invTemperature}u]); }
  workgroupBarrier();
  if (local == 0u) {
    for (var j = 1u; j < wanted; j++) { cumulative[j] += cumulative[j - 1u]; }
    let id = draw(control0, wanted);
    let receipt = atomicExchange(&receipts[row], 0u) ^ ${crcOfZeros}u;
    let counts = control[control0 + ${CONTROL.done}u] == 0u;
    let slot = control[control0 + ${CONTROL.slot}u];
    let result = (row * ${slots}u + slot) * ${RESULT_WORDS}u;
    results[result] = id;
    results[result + 1u] = receipt;
    results[result + 2u] = u32(counts);
    control[control0 + ${CONTROL.slot}u] = (slot + 1u) % ${slots}u;
    if (counts) {
      let remaining = control[control0 + ${CONTROL.remaining}u] - 1u;
      control[control0 + ${CONTROL.token}u] = id;
      control[control0 + ${CONTROL.index}u] += 1u;
      control[control0 + ${CONTROL.remaining}u] = remaining;
      if (remaining == 0u || id == ${eosTokenId}u) { control[control0 + ${CONTROL.done}u] = 1u; }
    }
    next = id;
  }
  embedRow(local, workgroupUniformLoad(&next), row);
}
`;
}
