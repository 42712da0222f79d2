/**
 * WGSL: the integer sampler (docs/ARITHMETIC.md, section 8), one workgroup for each sequence, and the embedding of the
 * token that it chose, so that a run needs nothing from the host.
 *
 * The largest logits are found by a bound: each invocation takes the best of its share (from the bests of every
 * sixteen, see survey-logits.ts); what is behind the k-th best of these cannot be among the k largest. Logits with
 * their ids are all different, so ties cannot make the list longer.
 */
import { endTokens } from '../../../../protocol/image/end-tokens.js';
import type { ModelShape } from '../../../../protocol/image/model-shape.js';
import { MAX_CANDIDATES, MAX_TOP_P } from '../../../../protocol/sampling.js';
import { ARITHMETIC } from './arithmetic.js';
import { CONTROL, CONTROL_WORDS, RESULT_WORDS } from './control.js';
import { embedRow } from './embed.js';
import { bestCount, bestPlaces, LOGITS_PER_BEST, RANKED } from './survey-logits.js';

/** Candidates that fit in workgroup memory; more are rare, and only slower. */
const FAST_CANDIDATES = 512;

/**
 * Steps of a loop that are written out, so that their loads overlap; no more, because fetching code that runs once
 * costs more than it saves.
 */
const UNROLL = 4;

/** @param size invocations; at least `MAX_CANDIDATES` @param slots results that fit in the buffer, for each sequence */
export function sample(shape: ModelShape, size: number, slots: number, crcOfZeros: number): string {
  const { vocabSize } = shape;
  const isEnd = endTokens(shape)
    .map((token) => `id == ${token}u`)
    .join(' || ');
  const groups = bestCount(shape);
  const unrolled = (line: (k: number) => string): string =>
    Array.from({ length: UNROLL }, (_, k) => line(k)).join('\n    ');
  // Of each of the best shares, all.
  const mostHopeful = MAX_CANDIDATES * Math.ceil(groups / size);
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
var<workgroup> hopeful: array<u32, ${mostHopeful}>;
var<workgroup> hopefulCount: atomic<u32>;
var<workgroup> count: atomic<u32>;
var<workgroup> chosen: array<Ranked, ${MAX_CANDIDATES}>;
var<workgroup> weights: array<i32, ${MAX_CANDIDATES}>;
var<workgroup> cumulative: array<i32, ${MAX_CANDIDATES}>;
var<workgroup> lastKept: atomic<u32>;
var<workgroup> drawn: atomic<u32>;
var<workgroup> next: u32;

${threefryText()}

fn weightOf(j: u32, invTemperature: u32) -> i32 {
  let distance = min(chosen[0].logit - chosen[j].logit, 67108863);
  let exponent = mul15(distance << 4u, i32(invTemperature));
  return i32(tables[257u + ((u32(exponent) >> 3u) & 255u)] >> min(u32(exponent) >> 11u, 31u));
}

@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let row = group.x;
  let control0 = row * ${CONTROL_WORDS}u;
  let logit0 = row * ${vocabSize}u;
  ${Object.keys(CONTROL)
    .filter((name) => name !== 'token')
    .map((name) => `let ${name} = control[control0 + ${CONTROL[name as keyof typeof CONTROL]}u];`)
    .join('\n  ')}
  let wanted = min(select(topK, 1u, invTemperature == 0u), ${Math.min(vocabSize, MAX_CANDIDATES)}u);
  let random = threefry(seedLow, seedHigh, index) >> 17u;

  if (local == 0u) {
    atomicStore(&count, 0u);
    atomicStore(&hopefulCount, 0u);
    // Stays so where there are fewer shares than tokens are wanted.
    bound = NO_TOKEN;
    atomicStore(&lastKept, ${MAX_CANDIDATES}u);
    atomicStore(&drawn, ${MAX_CANDIDATES}u);
  }
  let best0 = row * ${bestPlaces(shape)}u;
  var best = NO_TOKEN;
  for (var k = local; k < ${groups}u; k += ${size}u) {
    let other = bests[best0 + k];
    if (isBefore(other, best)) { best = other; }
  }
  shareBests[local] = best;
  workgroupBarrier();
  var rank = 0u;
  for (var j = 0u; j < ${size}u; j += ${UNROLL}u) {
    ${unrolled((k) => `rank += u32(isBefore(shareBests[j + ${k}u], best));`)}
  }
  if (rank + 1u == wanted) { bound = best; }
  workgroupBarrier();
  let last = bound;
  if (!isBefore(last, best)) {
    for (var k = local; k < ${groups}u; k += ${size}u) {
      if (!isBefore(last, bests[best0 + k])) { hopeful[atomicAdd(&hopefulCount, 1u)] = k; }
    }
  }
  workgroupBarrier();
  // All invocations together look at the logits behind the bests that are good enough.
  let logitsToSee = atomicLoad(&hopefulCount) * ${LOGITS_PER_BEST}u;
  for (var k = local; k < logitsToSee; k += ${size}u) {
    let id = hopeful[k / ${LOGITS_PER_BEST}u] * ${LOGITS_PER_BEST}u + k % ${LOGITS_PER_BEST}u;
    if (id >= ${vocabSize}u) { continue; }
    let candidate = Ranked(logits[logit0 + id], id);
    if (isBefore(last, candidate)) { continue; }
    let place = atomicAdd(&count, 1u);
    if (place < ${FAST_CANDIDATES}u) { candidates[place] = candidate; }
    bests[best0 + ${groups}u + place] = candidate;
  }
  storageBarrier();
  workgroupBarrier();
  let found = atomicLoad(&count);
  let isFast = found <= ${FAST_CANDIDATES}u;
  for (var c = local; c < found; c += ${size}u) {
    var mine: Ranked;
    if (isFast) { mine = candidates[c]; } else { mine = bests[best0 + ${groups}u + c]; }
    var place = 0u;
    if (isFast) {
      var j = 0u;
      for (; j + ${UNROLL}u <= found; j += ${UNROLL}u) {
        ${unrolled((k) => `place += u32(isBefore(candidates[j + ${k}u], mine));`)}
      }
      for (; j < found; j++) { place += u32(isBefore(candidates[j], mine)); }
    } else {
      for (var j = 0u; j < found && place < wanted; j++) { place += u32(isBefore(bests[best0 + ${groups}u + j], mine)); }
    }
    if (place < wanted) { chosen[place] = mine; }
  }
  workgroupBarrier();
  if (local < ${MAX_CANDIDATES}u) { weights[local] = select(0, weightOf(min(local, wanted - 1u), invTemperature), local < wanted); }
  workgroupBarrier();
  // Each invocation has the sum up to its own candidate; the first one that reaches a threshold is found by all
  // together.
  var sum = 0;
  for (var j = 0u; j < wanted; j += ${UNROLL}u) {
    ${unrolled((k) => `if (j + ${k}u <= local) { sum += weights[j + ${k}u]; }`)}
  }
  if (local < wanted) { cumulative[local] = sum; }
  workgroupBarrier();
  if (topP < ${MAX_TOP_P}u && local + 1u < wanted && sum >= mul15(cumulative[wanted - 1u], i32(topP))) { atomicMin(&lastKept, local); }
  workgroupBarrier();
  let kept = min(atomicLoad(&lastKept), wanted - 1u);
  let total = u32(cumulative[kept]);
  let reached = (((total >> 16u) * random) << 1u) + (((total & 0xffffu) * random) >> 15u);
  if (local < kept && u32(sum) > reached) { atomicMin(&drawn, local); }
  workgroupBarrier();
  if (local == 0u) {
    let id = chosen[min(atomicLoad(&drawn), kept)].id;
    let receipt = atomicExchange(&receipts[row], 0u) ^ ${crcOfZeros}u;
    let counts = done == 0u;
    let result = (row * ${slots}u + slot) * ${RESULT_WORDS}u;
    results[result] = id;
    results[result + 1u] = receipt;
    results[result + 2u] = u32(counts);
    control[control0 + ${CONTROL.slot}u] = (slot + 1u) % ${slots}u;
    if (counts) {
      control[control0 + ${CONTROL.token}u] = id;
      control[control0 + ${CONTROL.index}u] = index + 1u;
      control[control0 + ${CONTROL.remaining}u] = remaining - 1u;
      if (remaining == 1u || ${isEnd}) { control[control0 + ${CONTROL.done}u] = 1u; }
    }
    next = id;
  }
  embedRow(local, workgroupUniformLoad(&next), row);
}
`;
}

/**
 * Threefry-2x32 with 20 rounds (docs/ARITHMETIC.md, section 8), written out: the first word for a counter below 2³².
 */
function threefryText(): string {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const rounds = Array.from({ length: 20 }, (_, round) => {
    const rotation = rotations[round % 8];
    const turn = `a += b; b = ((b << ${rotation}u) | (b >> ${32 - rotation}u)) ^ a;`;
    const j = (round + 1) / 4;
    return round % 4 === 3 ? `${turn} a += k${j % 3}; b += k${(j + 1) % 3} + ${j}u;` : turn;
  });
  return /* wgsl */ `
fn threefry(k0: u32, k1: u32, counter: u32) -> u32 {
  let k2 = 0x1bd11bdau ^ k0 ^ k1;
  var a = counter + k0;
  var b = k1;
  ${rounds.join('\n  ')}
  return a;
}`;
}
