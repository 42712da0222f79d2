/**
 * A step: every row feeds one token, and those that want it have logits, a receipt and a choice afterwards.
 *
 * Rows of one sequence follow one another, each with the state that the one before leaves: phases are computed for all
 * rows at once, and each channel's states in the order of the rows.
 */
import {
  EMBEDDING,
  EMBEDDING_SHIFT,
  EMBEDDING_STRIDE,
  HEAD_ROWS,
  HIDDEN,
  HIDDEN_PADDED,
  KERNELS,
  LAYER_BYTES,
  LAYER_TABLE,
  LAYERS,
  RESIDUAL,
  ROW_BYTES,
  ROW_TABLE,
  ROW_TAPS,
  ROWS,
  STEP,
  THREADS,
} from '../layout';
import { crcWords } from './crc';
import { roundShift } from './fixed-point';
import { head } from './head';
import { mixChannels, mixTokens } from './layer';
import { awaitBell, claim, done, enterStep, firstItem, nextGroup, presentPhase, ring } from './shares';

/** Computes a step, with the helpers that THREADS says. Returns when all are done. */
export function step(): void {
  const rows = load<i32>(ROWS);
  const threads = load<i32>(THREADS);
  let wantsTaps = 0;
  for (let row = 0; row < rows; row++) {
    embed(row);
    if (load<u32>(entryOf(row), ROW_TAPS) != 0) wantsTaps = 1;
  }
  const what = (wantsTaps << 24) | (threads << 16) | (load<i32>(HEAD_ROWS) << 8) | rows;
  atomic.store<u64>(STEP, ((<u64>presentPhase()) << 32) | <u64>what);
  for (let thread = 1; thread < threads; thread++) ring(thread);
  compute(0);
}

/**
 * The life of a helper: returns when its bell rings for another family.
 *
 * @param family whose products these are
 * @param seen what the bell stood at last
 * @returns the same
 */
export function serve(family: i32, thread: i32, seen: i32): i32 {
  let now = awaitBell(thread, seen);
  while (load<i32>(KERNELS) == family) {
    seen = now;
    compute(thread);
    now = awaitBell(thread, seen);
  }
  return seen;
}

/** Takes part in the latest step, which may be over. */
function compute(thread: i32): void {
  // All of it at once: the first thread may write the next step's at any time.
  const step = atomic.load<u64>(STEP);
  const what = <i32>step;
  const rows = what & 255;
  const count = (what >> 8) & 255;
  const threads = (what >> 16) & 255;
  const wantsTaps = what >> 24 != 0;
  if (thread >= threads) return;
  enterStep(thread, threads, <u32>(step >> 32));
  if (wantsTaps) takeTaps(0, rows);
  const layers = load<i32>(LAYERS);
  const stateBytes = 4 * ((load<i32>(HIDDEN) + 7) & -8);
  for (let l = 0; l < layers; l++) {
    const layer: usize = <usize>load<u32>(LAYER_TABLE) + l * LAYER_BYTES;
    mixTokens(layer, l * stateBytes, rows, thread);
    mixChannels(layer, rows, thread);
    if (wantsTaps) takeTaps(l + 1, rows);
  }
  if (count > 0) head(rows, count, thread);
}

@inline
function entryOf(row: i32): usize {
  return <usize>load<u32>(ROW_TABLE) + row * ROW_BYTES;
}

function residualOf(row: i32): usize {
  return <usize>load<u32>(RESIDUAL) + 4 * row * load<i32>(HIDDEN_PADDED);
}

/**
 * x = rsh(row·rowScale, embeddingShift). An embedding row is a scale and int8 values; what is read behind them is
 * behind the last channel, too.
 */
function embed(row: i32): void {
  const from: usize = <usize>load<u32>(EMBEDDING) + row * load<u32>(EMBEDDING_STRIDE);
  const scale = i32x4.splat(<i32>load<u16>(from));
  const shift = load<i32>(EMBEDDING_SHIFT);
  const hidden = load<i32>(HIDDEN);
  const x = residualOf(row);
  for (let k = 0; k < hidden; k += 4) {
    const values = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(from + k, 2)));
    v128.store(x + 4 * k, roundShift(i32x4.mul(values, scale), shift));
  }
  // Behind the last channel: padding is zero.
  for (let k = hidden; k < ((hidden + 3) & -4); k++) store<i32>(x + 4 * k, 0);
}

/** A phase. */
function takeTaps(index: i32, rows: i32): void {
  while (nextGroup(rows, 1)) {
    if (!claim()) continue;
    const row = firstItem();
    const taps: usize = load<u32>(entryOf(row), ROW_TAPS);
    if (taps != 0) store<u32>(taps + 4 * index, ~crcWords(0xffffffff, residualOf(row), 4 * load<i32>(HIDDEN)));
    done();
  }
}
