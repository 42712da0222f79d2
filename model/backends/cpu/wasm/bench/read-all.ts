/**
 * Reads memory and does next to nothing with it, in a module of its own: what `mmfree bench cpu` compares the kernels
 * with.
 */

/** @param from @param to addresses, 16-byte words between them in a multiple of eight @returns their sum, by halves */
export function readAll(from: usize, to: usize): i64 {
  let a = i64x2.splat(0);
  let b = i64x2.splat(0);
  let c = i64x2.splat(0);
  let d = i64x2.splat(0);
  for (; from < to; from += 128) {
    a = i64x2.add(a, i64x2.add(v128.load(from), v128.load(from, 16)));
    b = i64x2.add(b, i64x2.add(v128.load(from, 32), v128.load(from, 48)));
    c = i64x2.add(c, i64x2.add(v128.load(from, 64), v128.load(from, 80)));
    d = i64x2.add(d, i64x2.add(v128.load(from, 96), v128.load(from, 112)));
  }
  const sum = i64x2.add(i64x2.add(a, b), i64x2.add(c, d));
  return i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1);
}
