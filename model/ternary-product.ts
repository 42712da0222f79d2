/**
 * Ternary matrix × int8 vector on the bytes of the image: five rows share a byte (docs/IMAGE.md, section 4).
 *
 * A byte is looked up as three packed words, (t0, t1), (t2, t3) and t4, two weights 2¹⁶ apart in each pair, so one product adds to two rows.
 * A 16-bit field holds 256 columns (127·256 = 32,512); longer rows are split there. Measured 2× the five plain products
 * (`mmfree bench reference`).
 */
import { TRITS_PER_BYTE } from '../protocol/model-shape.js';

/** A ternary matrix as the image stores it: ⌈rows/5⌉ groups of `columns` bytes. */
export interface TernaryMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly bytes: () => Uint8Array;
}

/** Columns whose int8 products fit a 16-bit field. */
const SPLIT = 256;

const PAIR_01 = new Int32Array(256);
const PAIR_23 = new Int32Array(256);
const LAST_4 = new Int32Array(256);
for (let byte = 0; byte < 243; byte++) {
  const trit = (d: number): number => (Math.floor(byte / 3 ** d) % 3) - 1;
  PAIR_01[byte] = trit(0) + trit(1) * 0x10000;
  PAIR_23[byte] = trit(2) + trit(3) * 0x10000;
  LAST_4[byte] = trit(4);
}

/**
 * out[r] = Σₖ t[r][k]·q[k], exact: |out| ≤ 127·columns < 2²⁰.
 *
 * `q` holds `columns` int8 values; `out` has room for ⌈rows/5⌉·5 sums, those beyond `rows` are 0.
 */
export function ternaryProduct(matrix: TernaryMatrix, q: Int8Array, out: Int32Array): void {
  const { columns } = matrix;
  const bytes = matrix.bytes();
  const groups = Math.ceil(matrix.rows / TRITS_PER_BYTE);
  for (let group = 0; group < groups; group++) {
    const base = group * columns;
    const row = group * TRITS_PER_BYTE;
    out.fill(0, row, row + TRITS_PER_BYTE);
    for (let start = 0; start < columns; start += SPLIT) {
      const end = Math.min(start + SPLIT, columns);
      let sum01 = 0;
      let sum23 = 0;
      let sum4 = 0;
      for (let k = start; k < end; k++) {
        const byte = bytes[base + k];
        const activation = q[k];
        sum01 = (sum01 + Math.imul(PAIR_01[byte], activation)) | 0;
        sum23 = (sum23 + Math.imul(PAIR_23[byte], activation)) | 0;
        sum4 = (sum4 + Math.imul(LAST_4[byte], activation)) | 0;
      }
      const low01 = (sum01 << 16) >> 16;
      const low23 = (sum23 << 16) >> 16;
      out[row] += low01;
      out[row + 1] += (sum01 - low01) >> 16;
      out[row + 2] += low23;
      out[row + 3] += (sum23 - low23) >> 16;
      out[row + 4] += sum4;
    }
  }
}
