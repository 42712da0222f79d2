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
import { finish, vectorOf } from './bitlinear';
import { afterSurvey, crcWords } from './crc';
import { maximumOf, sat31 } from './fixed-point';
import { blocksAtOnce, blocksOf, inputOf, inputStride, readResidual, sumsOf } from './layer';
import { blockBytes, multiplyBlocks } from './products';
import { choose } from './sampler';
import { claim, done, firstItem, isOpen, itemCount, nextGroup } from './shares';

const BLOCKS_OF_SURVEY = SURVEY_LOGITS / 8;

/** @param count how many of the rows have logits */
export function head(rows: i32, count: i32, thread: i32): void {
  const norm: usize = load<u32>(FINAL_NORM);
  if (count == 1) {
    for (let row = 0; row < rows && isOpen(); row++) {
      if (headOf(row) == 0) readResidual(row, norm, HEAD_PRODUCT, 1, inputOf(0, 1, thread), thread);
    }
  } else {
    while (nextGroup(rows, 1)) {
      if (!claim()) continue;
      const index = headOf(firstItem());
      if (index >= 0) readResidual(firstItem(), norm, HEAD_PRODUCT, 1, inputOf(index, count, thread), thread);
      done();
    }
  }
  logits(count, thread);
  while (nextGroup(rows, 1)) {
    if (!claim()) continue;
    if (headOf(firstItem()) >= 0) conclude(firstItem(), thread);
    done();
  }
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

/** The logits of all rows, 64 by 64, with their CRC and their maximum while they are in the cache. */
function logits(count: i32, thread: i32): void {
  const columns = load<i32>(HIDDEN_PADDED);
  const bytes = blockBytes(columns);
  const matrix: usize = load<u32>(HEAD_PRODUCT);
  const input = inputOf(0, count, thread);
  const q = vectorOf(input, 0, columns);
  const stride = inputStride();
  const sums = sumsOf(thread);
  const vocabulary = load<i32>(VOCABULARY);
  const surveys = (vocabulary + SURVEY_LOGITS - 1) / SURVEY_LOGITS;
  const most = max(1, blocksAtOnce(count) / BLOCKS_OF_SURVEY);
  while (nextGroup(surveys, most)) {
    const survey = firstItem();
    const first = survey * BLOCKS_OF_SURVEY;
    const blocks = min(itemCount() * BLOCKS_OF_SURVEY, blocksOf(vocabulary) - first);
    multiplyBlocks(matrix + first * bytes, blocks, q, stride, count, columns, sums, 32);
    if (!claim()) continue;
    for (let k = 0; k < blocks; k++) {
      for (let index = 0; index < count; index++) {
        const to = logitsOf(index) + 32 * (first + k);
        const ofRow = sums + 32 * (k * count + index);
        const scale = input + index * stride;
        v128.store(to, sat31(finish(v128.load(ofRow), scale)));
        v128.store(to, sat31(finish(v128.load(ofRow, 16), scale)), 16);
      }
    }
    for (let k = 0; k < itemCount(); k++) {
      for (let index = 0; index < count; index++) lookAt(survey + k, index, vocabulary);
    }
    done();
  }
}

/** CRC and maximum of 64 logits. */
function lookAt(survey: i32, index: i32, vocabulary: i32): void {
  const isWhole = (survey + 1) * SURVEY_LOGITS <= vocabulary;
  const from = logitsOf(index) + 4 * SURVEY_LOGITS * survey;
  const result = surveyOf(index) + 8 * survey;
  // What is behind the last logit does not count: those that are not 64 are looked at one by one.
  store<i32>(result, isWhole ? maximumOfSurvey(from) : i32.MAX_VALUE, 4);
  if (isWhole) store<u32>(result, crcWords(0, from, 4 * SURVEY_LOGITS));
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
