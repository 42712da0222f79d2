/** Which part of a W25Q128JV its status registers protect. Data sheet (revision G), section 7.1 and its tables. */

/** Bits of status register 1. */
const BP = { shift: 2, mask: 7 } as const;
const TOP_BOTTOM = 1 << 5;
const SECTORS = 1 << 6;
/** Of status register 2. */
const COMPLEMENT = 1 << 6;

const SECTOR_BYTES = 4096;
const LARGEST_SECTOR_AREA = 32_768;

export interface Area {
  readonly start: number;
  /** Behind its last byte. */
  readonly end: number;
}

/** @param length of the flash, in bytes */
export function protectedArea(status1: number, status2: number, length: number): Area {
  const area = namedArea(status1, length);
  if ((status2 & COMPLEMENT) === 0) return area;
  // The area begins or ends with the flash, so that the rest of the flash is one area too.
  return area.start === 0 ? { start: area.end, end: length } : { start: 0, end: area.start };
}

function namedArea(status1: number, length: number): Area {
  const level = (status1 >> BP.shift) & BP.mask;
  const bytes = protectedBytes(level, (status1 & SECTORS) !== 0, length);
  return (status1 & TOP_BOTTOM) !== 0 ? { start: 0, end: bytes } : { start: length - bytes, end: length };
}

function protectedBytes(level: number, inSectors: boolean, length: number): number {
  if (level === 0) return 0;
  if (level === BP.mask) return length;
  return inSectors ? Math.min(LARGEST_SECTOR_AREA, SECTOR_BYTES << (level - 1)) : (length / 64) * 2 ** (level - 1);
}

/** Whether two areas share a byte. */
export function overlap(a: Area, b: Area): boolean {
  return a.start < b.end && b.start < a.end;
}
