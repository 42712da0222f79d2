/**
 * One layer for all rows of a step: docs/ARITHMETIC.md, section 5. Four phases.
 *
 * Each first needs its input vector in 8 bits. Where there is one row, every thread makes it for itself: that takes
 * less than to share it out and wait. Where there are more, the rows are shared out, in a phase before. Then the blocks
 * of the matrix are shared out: their sums are made first, and what becomes of them is brought in by who has the claim.
 */
import {
  GATED_STATE,
  GLU,
  HIDDEN,
  HIDDEN_PADDED,
  INTERMEDIATE,
  INTERMEDIATE_PADDED,
  LAYER_ATTN_NORM,
  LAYER_EPSILON_SHIFT,
  LAYER_FORGET_SCALE,
  LAYER_G_NORM,
  LAYER_MLP_NORM,
  LAYER_PRODUCTS,
  MAX_ROWS,
  OUTPUT_GATE,
  PRODUCT_BYTES,
  QUANTISED,
  QUANTISED_STRIDE,
  RESIDUAL,
  ROW_BYTES,
  ROW_STATE_IN,
  ROW_STATE_OUT,
  ROW_TABLE,
  SCALE_BYTES,
  SCRATCH,
  SCRATCH_STRIDE,
} from '../layout';
import { addToResidual, applyNorm, finish, normalise, quantise, vectorOf } from './bitlinear';
import { gatedLinearUnit, gatedState, nextState } from './channels';
import { addSquares, sat16, sumOf64, zero } from './fixed-point';
import { blockBytes, multiplyBlocks } from './products';
import { claim, done, firstItem, isOpen, itemCount, nextGroup } from './shares';

/** Where the quantised input of a row is. */
@inline
export function inputOf(row: i32, rows: i32, thread: i32): usize {
  // Of its own even beside the rows': a thread that is late may still write there.
  return <usize>load<u32>(QUANTISED) + (rows == 1 ? MAX_ROWS + thread : row) * load<i32>(QUANTISED_STRIDE);
}

@inline
export function inputStride(): i32 {
  return load<i32>(QUANTISED_STRIDE);
}

/** Of a thread: room for a vector of int32, one of int16 behind it, and the sums of blocks behind that. */
@inline
export function scratchOf(thread: i32): usize {
  return <usize>load<u32>(SCRATCH) + thread * load<i32>(SCRATCH_STRIDE);
}

@inline
function longest(): i32 {
  return max(load<i32>(HIDDEN_PADDED), load<i32>(INTERMEDIATE_PADDED));
}

@inline
export function normalisedOf(thread: i32): usize {
  return scratchOf(thread) + 4 * longest();
}

@inline
export function sumsOf(thread: i32): usize {
  return scratchOf(thread) + 6 * longest();
}

/** Blocks of eight rows. */
@inline
export function blocksOf(rows: i32): i32 {
  return (rows + 7) >> 3;
}

@inline
function rowOf(buffer: usize, row: i32, columns: i32): usize {
  return <usize>load<u32>(buffer) + 4 * row * columns;
}

/** Reads the residual through a norm into the vectors of `count` products. */
export function readResidual(row: i32, norm: usize, product: usize, count: i32, input: usize, thread: i32): void {
  const columns = load<i32>(HIDDEN_PADDED);
  const v = scratchOf(thread);
  const n = normalisedOf(thread);
  applyNorm(rowOf(RESIDUAL, row, columns), norm, v, columns);
  const sum = normalise(v, columns, 0, n);
  for (let slot = 0; slot < count; slot++) quantise(n, sum, columns, product + slot * PRODUCT_BYTES, input, slot);
}

/** {@link readResidual} of all rows: of one by every thread for itself, of several shared out. */
function readResiduals(rows: i32, norm: usize, product: usize, count: i32, thread: i32): void {
  if (rows == 1) {
    if (isOpen()) readResidual(0, norm, product, count, inputOf(0, 1, thread), thread);
    return;
  }
  while (nextGroup(rows, 1)) {
    if (!claim()) continue;
    const row = firstItem();
    readResidual(row, norm, product, count, inputOf(row, rows, thread), thread);
    done();
  }
}

/** x += o(norm(g)·silu(h)) */
export function mixTokens(layer: usize, stateOffset: usize, rows: i32, thread: i32): void {
  const products = layer + LAYER_PRODUCTS;
  const norm: usize = load<u32>(layer, LAYER_ATTN_NORM);
  readResiduals(rows, norm, products, 3, thread);
  stateBlocks(layer, stateOffset, rows, thread);

  const output = products + 3 * PRODUCT_BYTES;
  if (rows == 1) {
    if (isOpen()) readGatedState(layer, 0, output, inputOf(0, 1, thread), thread);
  } else {
    while (nextGroup(rows, 1)) {
      if (!claim()) continue;
      readGatedState(layer, firstItem(), output, inputOf(firstItem(), rows, thread), thread);
      done();
    }
  }
  residualBlocks(output, load<i32>(HIDDEN_PADDED), rows, thread);
}

/** x += down(silu(gate)·up) */
export function mixChannels(layer: usize, rows: i32, thread: i32): void {
  const product = layer + LAYER_PRODUCTS + 4 * PRODUCT_BYTES;
  const norm: usize = load<u32>(layer, LAYER_MLP_NORM);
  readResiduals(rows, norm, product, 1, thread);
  gluBlocks(product, rows, thread);

  const down = product + PRODUCT_BYTES;
  if (rows == 1) {
    if (isOpen()) readGlu(0, down, inputOf(0, 1, thread), thread);
  } else {
    while (nextGroup(rows, 1)) {
      if (!claim()) continue;
      readGlu(firstItem(), down, inputOf(firstItem(), rows, thread), thread);
      done();
    }
  }
  residualBlocks(down, load<i32>(INTERMEDIATE_PADDED), rows, thread);
}

/**
 * The sums of `count` blocks: a matrix times the vectors of all rows.
 *
 * @param sums int32 [count][rows][8], `stride` bytes from one row to the next
 */
@inline
function multiply(
  product: usize,
  block: i32,
  count: i32,
  q: usize,
  rows: i32,
  columns: i32,
  sums: usize,
  stride: i32,
): void {
  const blocks = <usize>load<u32>(product) + block * blockBytes(columns);
  multiplyBlocks(blocks, count, q, inputStride(), rows, columns, sums, stride);
}

/**
 * Blocks whose sums are made before the first is used, so that what happens to each does not wait for that of the one
 * before.
 */
@inline
export function blocksAtOnce(rows: i32): i32 {
  return max(1, MAX_ROWS / rows);
}

/** i, f and g of eight channels, and their state, row after row: rows of one sequence follow one another. */
function stateBlocks(layer: usize, stateOffset: usize, rows: i32, thread: i32): void {
  const columns = load<i32>(HIDDEN_PADDED);
  const products = layer + LAYER_PRODUCTS;
  const input = inputOf(0, rows, thread);
  const sums = sumsOf(thread);
  const blocks = blocksOf(load<i32>(HIDDEN));
  const most = blocksAtOnce(rows);
  while (nextGroup(blocks, most)) {
    const block = firstItem();
    const count = itemCount();
    for (let slot = 0; slot < 3; slot++) {
      const q = vectorOf(input, slot, columns);
      multiply(products + slot * PRODUCT_BYTES, block, count, q, rows, columns, sums + 32 * slot, 96);
    }
    if (!claim()) continue;
    for (let k = 0; k < count; k++) {
      for (let row = 0; row < rows; row++) {
        const scales = input + row * inputStride();
        const ofRow = sums + 96 * (k * rows + row);
        nextStates(layer, stateOffset, row, scales, 8 * (block + k), ofRow);
        nextStates(layer, stateOffset, row, scales, 8 * (block + k) + 4, ofRow + 16);
      }
    }
    done();
  }
}

/** Four channels of one row. @param sums of i, f and g, 32 bytes apart */
function nextStates(layer: usize, stateOffset: usize, row: i32, scales: usize, channel: i32, sums: usize): void {
  const columns = load<i32>(HIDDEN_PADDED);
  const entry: usize = <usize>load<u32>(ROW_TABLE) + row * ROW_BYTES;
  const at = stateOffset + 4 * channel;
  const forgetScale = v128.load16x4_s(<usize>load<u32>(layer, LAYER_FORGET_SCALE) + 2 * channel);
  const gNorm = v128.load16x4_s(<usize>load<u32>(layer, LAYER_G_NORM) + 2 * channel);
  const h = nextState(
    v128.load(<usize>load<u32>(entry, ROW_STATE_IN) + at),
    finish(v128.load(sums), scales),
    finish(v128.load(sums, 32), scales + SCALE_BYTES),
    forgetScale,
  );
  const gate = sat16(finish(v128.load(sums, 64), scales + 2 * SCALE_BYTES));
  v128.store(<usize>load<u32>(entry, ROW_STATE_OUT) + at, h);
  v128.store(rowOf(GATED_STATE, row, columns) + 4 * channel, gatedState(h, gate, gNorm));
  v128.store(rowOf(OUTPUT_GATE, row, columns) + 4 * channel, gate);
}

/** The input of the o product; its ε comes from g. */
function readGatedState(layer: usize, row: i32, product: usize, input: usize, thread: i32): void {
  const columns = load<i32>(HIDDEN_PADDED);
  const g = rowOf(OUTPUT_GATE, row, columns);
  let squares = zero();
  for (let k = 0; k < columns; k += 8) {
    squares = addSquares(squares, i16x8.narrow_i32x4_s(v128.load(g + 4 * k), v128.load(g + 4 * k, 16)));
  }
  const shift = load<i32>(layer, LAYER_EPSILON_SHIFT);
  const epsilon = shift > 63 ? 0 : sumOf64(squares) >> shift;
  const n = normalisedOf(thread);
  quantise(n, normalise(rowOf(GATED_STATE, row, columns), columns, epsilon, n), columns, product, input, 0);
}

/** Gate and up rows in turn. */
function gluBlocks(product: usize, rows: i32, thread: i32): void {
  const columns = load<i32>(HIDDEN_PADDED);
  const input = inputOf(0, rows, thread);
  const q = vectorOf(input, 0, columns);
  const sums = sumsOf(thread);
  const blocks = blocksOf(2 * load<i32>(INTERMEDIATE));
  const most = blocksAtOnce(rows);
  while (nextGroup(blocks, most)) {
    const block = firstItem();
    const count = itemCount();
    multiply(product, block, count, q, rows, columns, sums, 32);
    if (!claim()) continue;
    for (let k = 0; k < count; k++) {
      for (let row = 0; row < rows; row++) {
        const scale = input + row * inputStride();
        const ofRow = sums + 32 * (k * rows + row);
        const first = finish(v128.load(ofRow), scale);
        const second = finish(v128.load(ofRow, 16), scale);
        const gate = v128.shuffle<i32>(first, second, 0, 2, 4, 6);
        const up = v128.shuffle<i32>(first, second, 1, 3, 5, 7);
        const glu = rowOf(GLU, row, load<i32>(INTERMEDIATE_PADDED)) + 16 * (block + k);
        v128.store(glu, gatedLinearUnit(gate, up));
      }
    }
    done();
  }
}

/** The input of the down product. */
function readGlu(row: i32, product: usize, input: usize, thread: i32): void {
  const columns = load<i32>(INTERMEDIATE_PADDED);
  const n = normalisedOf(thread);
  const epsilon = <i64>load<i32>(INTERMEDIATE) << 12;
  quantise(n, normalise(rowOf(GLU, row, columns), columns, epsilon, n), columns, product, input, 0);
}

/** A product that is added to the residual. */
function residualBlocks(product: usize, columns: i32, rows: i32, thread: i32): void {
  const input = inputOf(0, rows, thread);
  const q = vectorOf(input, 0, columns);
  const sums = sumsOf(thread);
  const blocks = blocksOf(load<i32>(HIDDEN));
  const most = blocksAtOnce(rows);
  while (nextGroup(blocks, most)) {
    const block = firstItem();
    const count = itemCount();
    multiply(product, block, count, q, rows, columns, sums, 32);
    if (!claim()) continue;
    for (let k = 0; k < count; k++) {
      for (let row = 0; row < rows; row++) {
        const x = rowOf(RESIDUAL, row, load<i32>(HIDDEN_PADDED)) + 32 * (block + k);
        const scale = input + row * inputStride();
        const ofRow = sums + 32 * (k * rows + row);
        v128.store(x, addToResidual(v128.load(x), finish(v128.load(ofRow), scale)));
        v128.store(x, addToResidual(v128.load(x, 16), finish(v128.load(ofRow, 16), scale)), 16);
      }
    }
    done();
  }
}
