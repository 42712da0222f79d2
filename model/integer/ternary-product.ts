/**
 * Ternary matrix × int8 vector on the bytes of the image: five rows share a byte (docs/IMAGE.md, section 4).
 *
 * A byte is looked up as three packed words, (t0, t1), (t2, t3) and t4, two weights 2¹⁶ apart in each pair, so one
 * product adds to two rows. A 16-bit field holds 256 columns (127·256 = 32,512); longer rows are split there. `mmfree
 * bench reference` measures the gain.
 */
import { TRITS_PER_BYTE } from '../../protocol/image/model-shape.js';

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
  const { rows, columns } = matrix;
  const bytes = matrix.bytes();
  // Local names: as variables of the module they cost a third of the speed.
  const pair01 = PAIR_01;
  const pair23 = PAIR_23;
  const last4 = LAST_4;
  let at = 0; // counts up through the whole matrix, which the compiler likes better than base + k
  for (let row = 0; row < rows; row += TRITS_PER_BYTE) {
    let acc0 = 0;
    let acc1 = 0;
    let acc2 = 0;
    let acc3 = 0;
    let acc4 = 0;
    for (let start = 0; start < columns; start += SPLIT) {
      const end = Math.min(start + SPLIT, columns);
      let sum01 = 0;
      let sum23 = 0;
      let sum4 = 0;
      for (let k = start; k < end; k++) {
        const byte = bytes[at++];
        const activation = q[k];
        sum01 = (sum01 + Math.imul(pair01[byte], activation)) | 0;
        sum23 = (sum23 + Math.imul(pair23[byte], activation)) | 0;
        sum4 = (sum4 + Math.imul(last4[byte], activation)) | 0;
      }
      const low01 = (sum01 << 16) >> 16;
      const low23 = (sum23 << 16) >> 16;
      acc0 += low01;
      acc1 += (sum01 - low01) >> 16;
      acc2 += low23;
      acc3 += (sum23 - low23) >> 16;
      acc4 += sum4;
    }
    out[row] = acc0;
    out[row + 1] = acc1;
    out[row + 2] = acc2;
    out[row + 3] = acc3;
    out[row + 4] = acc4;
  }
}
