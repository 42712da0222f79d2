/** What has to be erased and programmed so that a flash holds given bytes: nothing that it holds already. */

export const PAGE_BYTES = 256;
export const SECTOR_BYTES = 4096;
export const BLOCK_BYTES = 65_536;

/** Bytes, and where in the flash they belong. */
export interface FlashSegment {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Whole sectors, all within one block of 64 KiB. */
export interface FlashSpan {
  readonly offset: number;
  readonly length: number;
  /** Parts of it that are given; what lies between is kept. */
  readonly pieces: readonly FlashSegment[];
}

export interface ProgramPlan {
  /** In the order in which they are done; 4 KiB or 64 KiB each. */
  readonly erasures: readonly { readonly offset: number; readonly length: number }[];
  /** Offsets of pages that are programmed after that. Not one of them holds anything then. */
  readonly pages: readonly number[];
}

/** @returns spans in rising order that cover all segments. @throws RangeError if segments overlap, or do not exist */
export function spansOf(segments: readonly FlashSegment[]): FlashSpan[] {
  const sorted = segments.filter(({ bytes }) => bytes.length > 0).toSorted((a, b) => a.offset - b.offset);
  const pieces = new Map<number, FlashSegment[]>();
  let end = 0;
  for (const { offset, bytes } of sorted) {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`no flash has a byte ${offset}`);
    if (offset < end) throw new RangeError(`two segments claim the byte ${offset}`);
    end = offset + bytes.length;
    for (let from = offset; from < end;) {
      const block = Math.floor(from / BLOCK_BYTES);
      const to = Math.min(end, (block + 1) * BLOCK_BYTES);
      const piece = { offset: from, bytes: bytes.subarray(from - offset, to - offset) };
      pieces.set(block, [...(pieces.get(block) ?? []), piece]);
      from = to;
    }
  }
  return [...pieces.values()].map((own) => {
    const last = own.at(-1)!;
    const offset = floorTo(own[0]!.offset, SECTOR_BYTES);
    const length = floorTo(last.offset + last.bytes.length + SECTOR_BYTES - 1, SECTOR_BYTES) - offset;
    return { offset, length, pieces: own };
  });
}

/** What a span is to hold. @param old what it holds, as long as the span */
export function wantedBytes(span: FlashSpan, old: Uint8Array): Uint8Array {
  const wanted = old.slice();
  for (const { offset, bytes } of span.pieces) wanted.set(bytes, offset - span.offset);
  return wanted;
}

/**
 * A page that holds something is never programmed over, although bits that go from 1 to 0 could be: parts with error
 * correction do not allow it, and a page that a power cut has torn may read otherwise tomorrow.
 *
 * @param offset of the first byte, a multiple of 4 KiB; what is planned lies within one block of 64 KiB
 * @param old what is there @param wanted equally long, a multiple of 4 KiB
 */
export function planProgram(offset: number, old: Uint8Array, wanted: Uint8Array): ProgramPlan {
  const sectors: number[] = [];
  const pages: number[] = [];
  for (let sector = 0; sector < wanted.length; sector += SECTOR_BYTES) {
    const starts = Array.from({ length: SECTOR_BYTES / PAGE_BYTES }, (_, index) => sector + index * PAGE_BYTES);
    const differing = starts.filter((start) => !isSame(page(old, start), page(wanted, start)));
    const mustErase = differing.some((start) => !isBlank(page(old, start)));
    if (mustErase) sectors.push(offset + sector);
    const toProgram = (mustErase ? starts : differing).filter((start) => !isBlank(page(wanted, start)));
    pages.push(...toProgram.map((start) => offset + start));
  }
  const isWholeBlock = offset % BLOCK_BYTES === 0 && sectors.length === BLOCK_BYTES / SECTOR_BYTES;
  const erasures = isWholeBlock
    ? [{ offset, length: BLOCK_BYTES }]
    : sectors.map((sector) => ({ offset: sector, length: SECTOR_BYTES }));
  return { erasures, pages };
}

function floorTo(value: number, step: number): number {
  return value - (value % step);
}

function page(bytes: Uint8Array, start: number): Uint8Array {
  return bytes.subarray(start, start + PAGE_BYTES);
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0xff);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}
