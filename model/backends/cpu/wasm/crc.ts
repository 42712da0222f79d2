/** CRC-32 registers over words: docs/ARITHMETIC.md, section 7. Tables by `memory-plan.ts`. */
import { CRC_TABLES } from '../layout';

const TABLE_BYTES = 1024;

@inline
function entry(table: usize, index: u32): u32 {
  return load<u32>(table + <usize>(4 * index));
}

/**
 * The register after `bytes` more bytes, a multiple of 4. Eight at a time: table k is for a byte with k more behind it.
 */
export function crcWords(register: u32, at: usize, bytes: i32): u32 {
  const tables: usize = load<u32>(CRC_TABLES);
  const end = at + (bytes & -8);
  for (; at < end; at += 8) {
    const a = register ^ load<u32>(at);
    const b = load<u32>(at, 4);
    register =
      entry(tables + 7 * TABLE_BYTES, a & 255) ^
      entry(tables + 6 * TABLE_BYTES, (a >> 8) & 255) ^
      entry(tables + 5 * TABLE_BYTES, (a >> 16) & 255) ^
      entry(tables + 4 * TABLE_BYTES, a >> 24) ^
      entry(tables + 3 * TABLE_BYTES, b & 255) ^
      entry(tables + 2 * TABLE_BYTES, (b >> 8) & 255) ^
      entry(tables + TABLE_BYTES, (b >> 16) & 255) ^
      entry(tables, b >> 24);
  }
  if (bytes & 4) {
    const a = register ^ load<u32>(at);
    register =
      entry(tables + 3 * TABLE_BYTES, a & 255) ^
      entry(tables + 2 * TABLE_BYTES, (a >> 8) & 255) ^
      entry(tables + TABLE_BYTES, (a >> 16) & 255) ^
      entry(tables, a >> 24);
  }
  return register;
}

/**
 * The register after as many zero bytes as a survey's logits have: so the CRCs of parts that began with a register of 0
 * are put together.
 */
@inline
export function afterSurvey(register: u32): u32 {
  const tables: usize = load<u32>(CRC_TABLES) + 8 * TABLE_BYTES;
  return (
    entry(tables, register & 255) ^
    entry(tables + TABLE_BYTES, (register >> 8) & 255) ^
    entry(tables + 2 * TABLE_BYTES, (register >> 16) & 255) ^
    entry(tables + 3 * TABLE_BYTES, register >> 24)
  );
}
