/** Logits of the rows that want them, their receipts, and the tokens that are chosen from them. */
import {
  FINAL_NORM,
  HEAD_PRODUCT,
  HIDDEN_PADDED,
  LOGITS,
  LOGITS_STRIDE,
  ROW_BYTES,
  ROW_CANDIDATES,
  ROW_CHOSEN,
  ROW_HEAD,
  ROW_RECEIPT,
  ROW_TABLE,
  SURVEY,
  SURVEY_LOGITS,
  SURVEY_STRIDE,
  VOCABULARY,
} from '../layout';
import { barrier, nextShare, startOfShare } from './barrier';
import { finish, vectorOf } from './bitlinear';
import { afterSurvey, crcWords } from './crc';
import { maximumOf, sat31 } from './fixed-point';
import { blocksOf, inputOf, inputStride, readResidual, sumsOf } from './layer';
import { blockBytes, multiplyBlock } from './products';
import { choose } from './sampler';

/** @param count how many of the rows have logits */
export function head(rows: i32, count: i32, thread: i32, threads: i32): void {
  const norm: usize = load<u32>(FINAL_NORM);
  if (count == 1) {
    for (let row = 0; row < rows; row++) {
      if (headOf(row) == 0) readResidual(row, norm, HEAD_PRODUCT, 1, inputOf(0, 1, thread), thread);
    }
  } else {
    for (let row = nextShare(); row < rows; row = nextShare()) {
      const index = headOf(row);
      if (index >= 0) readResidual(row, norm, HEAD_PRODUCT, 1, inputOf(index, count, thread), thread);
    }
    barrier(threads);
  }
  const surveys = (load<i32>(VOCABULARY) + SURVEY_LOGITS - 1) / SURVEY_LOGITS;
  for (let share = nextShare(); startOfShare(share, surveys, threads) < surveys; share = nextShare()) {
    const to = startOfShare(share + 1, surveys, threads);
    for (let survey = startOfShare(share, surveys, threads); survey < to; survey++) computeLogits(survey, count, thread);
  }
  barrier(threads);
  for (let row = nextShare(); row < rows; row = nextShare()) {
    if (headOf(row) >= 0) conclude(row, thread);
  }
  barrier(threads);
}

@inline
function entryOf(row: i32): usize {
  return <usize>load<u32>(ROW_TABLE) + row * ROW_BYTES;
}

@inline
function headOf(row: i32): i32 {
  return load<i32>(entryOf(row), ROW_HEAD);
}

@inline
function logitsOf(index: i32): usize {
  return <usize>load<u32>(LOGITS) + index * load<i32>(LOGITS_STRIDE);
}

@inline
function surveyOf(index: i32): usize {
  return <usize>load<u32>(SURVEY) + index * load<i32>(SURVEY_STRIDE);
}

/** 64 logits of each row, with their CRC and their maximum while they are in the cache. */
function computeLogits(survey: i32, count: i32, thread: i32): void {
  const columns = load<i32>(HIDDEN_PADDED);
  const bytes = blockBytes(columns);
  const matrix: usize = load<u32>(HEAD_PRODUCT);
  const input = inputOf(0, count, thread);
  const stride = inputStride();
  const sums = sumsOf(thread);
  const vocabulary = load<i32>(VOCABULARY);
  const first = survey * (SURVEY_LOGITS / 8);
  const last = min(first + SURVEY_LOGITS / 8, blocksOf(vocabulary));
  for (let block = first; block < last; block++) {
    multiplyBlock(matrix + block * bytes, vectorOf(input, 0, columns), stride, count, columns, sums, 32);
    for (let index = 0; index < count; index++) {
      const to = logitsOf(index) + 32 * block;
      const scale = input + index * stride;
      v128.store(to, sat31(finish(v128.load(sums + 32 * index), scale)));
      v128.store(to, sat31(finish(v128.load(sums + 32 * index, 16), scale)), 16);
    }
  }
  const isWhole = (survey + 1) * SURVEY_LOGITS <= vocabulary;
  for (let index = 0; index < count; index++) {
    const logits = logitsOf(index) + 4 * SURVEY_LOGITS * survey;
    const result = surveyOf(index) + 8 * survey;
    // What is behind the last logit does not count: those that are not 64 are looked at one by one.
    store<i32>(result, isWhole ? maximumOfSurvey(logits) : i32.MAX_VALUE, 4);
    if (isWhole) store<u32>(result, crcWords(0, logits, 4 * SURVEY_LOGITS));
  }
}

function maximumOfSurvey(logits: usize): i32 {
  let largest = v128.load(logits);
  for (let k = 16; k < 4 * SURVEY_LOGITS; k += 16) largest = i32x4.max_s(largest, v128.load(logits + k));
  return maximumOf(largest);
}

/** Receipt and choice of one row. */
function conclude(row: i32, thread: i32): void {
  const entry = entryOf(row);
  const index = load<i32>(entry, ROW_HEAD);
  const survey = surveyOf(index);
  const logits = logitsOf(index);
  const vocabulary = load<i32>(VOCABULARY);
  const whole = vocabulary / SURVEY_LOGITS;
  let register: u32 = 0xffffffff;
  for (let k = 0; k < whole; k++) register = afterSurvey(register) ^ load<u32>(survey + 8 * k);
  register = crcWords(register, logits + 4 * SURVEY_LOGITS * whole, 4 * (vocabulary % SURVEY_LOGITS));
  store<u32>(entry, ~register, ROW_RECEIPT);
  if (load<i32>(entry, ROW_CANDIDATES) > 0) {
    store<i32>(entry, choose(entry, logits, survey, sumsOf(thread)), ROW_CHOSEN);
  }
}
