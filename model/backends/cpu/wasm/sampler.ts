/** The integer sampler: docs/ARITHMETIC.md, section 8. */
import {
  EXP2,
  MAX_CANDIDATES,
  ROW_CANDIDATES,
  ROW_DRAW,
  ROW_INV_TEMPERATURE,
  ROW_SEED_HIGH,
  ROW_SEED_LOW,
  ROW_TOP_P,
  SURVEY_LOGITS,
  VOCABULARY,
} from '../layout';

/** Off. */
const MAX_TOP_P = 32768;
/** Of each candidate: id, logit, cumulative weight. */
const IDS: usize = 0;
const VALUES: usize = 4 * MAX_CANDIDATES;
const CUMULATIVE: usize = 8 * MAX_CANDIDATES;

/**
 * The token that a row chooses.
 *
 * @param survey of each 64 logits, 8 bytes: CRC register, largest
 * @param list room for the candidates
 */
export function choose(row: usize, logits: usize, survey: usize, list: usize): i32 {
  const count = largest(logits, survey, load<i32>(row, ROW_CANDIDATES), list);
  if (count == 1) return load<i32>(list, IDS);

  const exp2: usize = load<u32>(EXP2);
  const best = load<i32>(list, VALUES);
  const inverse = <i64>load<i32>(row, ROW_INV_TEMPERATURE);
  let total = 0;
  for (let j = 0; j < count; j++) {
    const distance = min(best - load<i32>(list + 4 * j, VALUES), (1 << 26) - 1); // Q12
    const exponent = <i32>(((<i64>(distance << 4)) * inverse + 0x4000) >> 15); // Q11
    total += <i32>load<u16>(exp2 + 2 * ((exponent >> 3) & 255)) >> min(exponent >> 11, 31);
    store<i32>(list + 4 * j, total, CUMULATIVE);
  }
  const topP = load<i32>(row, ROW_TOP_P);
  const kept = topP < MAX_TOP_P ? firstAtLeast(list, <i32>((<i64>total * topP + 0x4000) >> 15), count) + 1 : count;
  total = load<i32>(list + 4 * (kept - 1), CUMULATIVE);
  const random = threefry(load<u32>(row, ROW_SEED_LOW), load<u32>(row, ROW_SEED_HIGH), load<u32>(row, ROW_DRAW)) >> 17;
  const target = <i32>((<i64>total * <i64>random) >> 15);
  return load<i32>(list + 4 * firstAtLeast(list, target + 1, kept), IDS);
}

/** First of `count` cumulative weights that reaches `threshold`; the last if none does. */
function firstAtLeast(list: usize, threshold: i32, count: i32): i32 {
  let j = 0;
  while (j < count - 1 && load<i32>(list + 4 * j, CUMULATIVE) < threshold) j++;
  return j;
}

/** The `limit` largest logits, sorted, equal ones by lower id. @returns how many there are */
function largest(logits: usize, survey: usize, limit: i32, list: usize): i32 {
  const vocabulary = load<i32>(VOCABULARY);
  let count = 0;
  for (let from = 0; from < vocabulary; from += SURVEY_LOGITS) {
    // Later ids come in only with a larger logit.
    const bound = <i32>load<i32>(survey + from / (SURVEY_LOGITS / 8), 4);
    if (count == limit && bound <= load<i32>(list + 4 * (count - 1), VALUES)) continue;
    const to = min(from + SURVEY_LOGITS, vocabulary);
    for (let id = from; id < to; id++) {
      const value = load<i32>(logits + 4 * id);
      if (count == limit && value <= load<i32>(list + 4 * (count - 1), VALUES)) continue;
      let slot = count < limit ? count++ : count - 1;
      while (slot > 0 && load<i32>(list + 4 * (slot - 1), VALUES) < value) {
        store<i32>(list + 4 * slot, load<i32>(list + 4 * (slot - 1), VALUES), VALUES);
        store<i32>(list + 4 * slot, load<i32>(list + 4 * (slot - 1), IDS), IDS);
        slot--;
      }
      store<i32>(list + 4 * slot, value, VALUES);
      store<i32>(list + 4 * slot, id, IDS);
    }
  }
  return count;
}

/** The first word of Threefry-2x32 with 20 rounds, for the counter (draw, 0). */
function threefry(keyLow: u32, keyHigh: u32, draw: u32): u32 {
  const parity: u32 = 0x1bd11bda ^ keyLow ^ keyHigh;
  let a = draw + keyLow;
  let b = keyHigh;
  for (let four: u32 = 1; four <= 5; four++) {
    const isOdd = four & 1;
    a += b;
    b = rotl<u32>(b, isOdd ? 13 : 17) ^ a;
    a += b;
    b = rotl<u32>(b, isOdd ? 15 : 29) ^ a;
    a += b;
    b = rotl<u32>(b, isOdd ? 26 : 16) ^ a;
    a += b;
    b = rotl<u32>(b, isOdd ? 6 : 24) ^ a;
    a += key(four % 3, keyLow, keyHigh, parity);
    b += key((four + 1) % 3, keyLow, keyHigh, parity) + four;
  }
  return a;
}

@inline
function key(index: u32, low: u32, high: u32, parity: u32): u32 {
  return index == 0 ? low : index == 1 ? high : parity;
}
