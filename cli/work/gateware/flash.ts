/** `mmfree gateware flash`: the work. */
import { whenItComes } from '../../../engine/open-board.js';
import { chipTooSmall } from '../../../device/board-error.js';
import { programFlash } from '../../../device/spi-flash/program-flash.js';
import type { ProgramReport } from '../../../device/spi-flash/program-flash.js';
import type { FlashSegment } from '../../../device/spi-flash/program-plan.js';
import { selectProgrammer } from '../../../device/spi-flash/select-programmer.js';
import { loadChecked } from '../../../model/check-image.js';
import { ICEBREAKER_LIMITS, misfits } from '../../../model/program/chip-limits.js';
import type { CommandContext } from '../../command.js';
import { badValue, UsageError } from '../../usage-error.js';
import { megabytes } from '../image-facts.js';
import { selectorOf } from '../machines/selector.js';
import { FileError } from '../../../model/files/file-error.js';
import { readRegular } from '../../../model/files/input-file.js';
import { hexOf } from '../../../protocol/hex.js';

interface GatewareFlashInput {
  readonly bitstream: string | undefined;
  readonly image: string | undefined;
  readonly board: string | undefined;
  readonly wait: number;
  readonly dryRun: boolean;
  readonly unprotect: boolean;
  readonly spiMhz: number;
  readonly ownGateware: boolean;
}

/** Where the gateware looks for the image; the bitstream is below. */
const IMAGE_OFFSET = 2 ** 20;

/** With which every bitstream of an iCE40 begins, behind a comment. */
const PREAMBLE = Uint8Array.of(0x7e, 0xaa, 0x99, 0x7e);
const MAX_COMMENT_BYTES = 4096;

export async function gatewareFlash(input: GatewareFlashInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const { segments, facts } = await readSegments(input);
  const totalBytes = segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const { host, info } = await whenItComes(input.wait, context, async () => {
    return await selectProgrammer(selectorOf(input.board), signal);
  });
  const name = host.nameOf(info);
  const { dryRun, unprotect } = input;
  try {
    const progress = output.progress({ label: dryRun ? 'compare' : 'flash', unit: 'bytes', total: totalBytes });
    const startMs = performance.now();
    const report = await programFlash(host, info, segments, {
      signal,
      clockHz: 1e6 * input.spiMhz,
      dryRun,
      unprotect,
      forGateware: input.image !== undefined && !input.ownGateware,
      onProgress: (done) => progress.update(done),
    });
    const seconds = (performance.now() - startMs) / 1000;
    progress.end();
    const { flash, erasedBytes, programmedBytes, isConfigured } = report;
    output.print(`${sentenceOf(report, name, dryRun, seconds)}\n`);
    output.result({
      board: name,
      ...facts,
      dry_run: dryRun,
      flash: { jedec_id: flash.jedecId, manufacturer: flash.manufacturer, bytes: flash.flashBytes },
      total_bytes: totalBytes,
      erased_bytes: erasedBytes,
      programmed_bytes: programmedBytes,
      configured: isConfigured,
      seconds,
    });
    if (!isConfigured && !dryRun)
      output.note('the FPGA does not start: the flash holds no bitstream for it (CDONE stays low)');
  } finally {
    await host.close();
  }
}

function sentenceOf(report: ProgramReport, name: string, isDryRun: boolean, seconds: number): string {
  const { flash, erasedBytes, programmedBytes, isConfigured } = report;
  const part = `${flash.manufacturer} ${flash.jedecId}, ${flash.flashBytes / 2 ** 20} MiB`;
  const work = `${megabytes(erasedBytes)} erased, ${megabytes(programmedBytes)} programmed`;
  if (isDryRun) return `${name} (${part}) would be written: ${work.replace('erased', 'to be erased')}`;
  const start = isConfigured ? '; the FPGA has started' : '';
  if (erasedBytes + programmedBytes === 0) return `${name} (${part}) holds all of it already${start}`;
  return `${name} (${part}) is written: ${work} and read back in ${seconds.toFixed(1)} s${start}`;
}

/** Every byte of them is checked before a board hears of it. @throws UsageError; ImageError; BoardError */
async function readSegments({ bitstream, image, ownGateware }: GatewareFlashInput): Promise<{
  readonly segments: readonly FlashSegment[];
  readonly facts: { readonly bitstream_bytes?: number; readonly image?: string; readonly image_sha256?: string };
}> {
  if (bitstream === undefined && image === undefined) {
    throw new UsageError('missing-option', 'there is nothing to write', {
      reason: 'Neither a bitstream nor a weight image was named.',
      fix: 'Add --bitstream FILE, --image FILE, or both.',
    });
  }
  const code = bitstream === undefined ? undefined : await readBitstream(bitstream);
  const weights = image === undefined ? undefined : await readImage(image, ownGateware);
  return {
    segments: [
      ...(code === undefined ? [] : [{ offset: 0, bytes: code }]),
      ...(weights === undefined ? [] : [{ offset: IMAGE_OFFSET, bytes: weights.bytes }]),
    ],
    facts: {
      ...(code && { bitstream_bytes: code.length }),
      ...(weights && { image: weights.name, image_sha256: weights.sha256 }),
    },
  };
}

async function readBitstream(path: string): Promise<Uint8Array> {
  const bytes = await readRegular(path, { limitBytes: IMAGE_OFFSET }).catch((error: unknown) => {
    if (!(error instanceof FileError && error.code === 'input-too-large')) throw error;
    throw badValue('--bitstream', path, `at most ${IMAGE_OFFSET} bytes long: the image begins there`, 'icebreaker.bin');
  });
  const at = Buffer.from(bytes.subarray(0, MAX_COMMENT_BYTES)).indexOf(PREAMBLE);
  if (at >= 0) return bytes;
  throw badValue('--bitstream', path, 'a bitstream of an iCE40, as icepack writes it', 'icebreaker.bin');
}

/** @throws BoardError if the gateware of the iCEBreaker has no room for the model */
async function readImage(
  path: string,
  isForOther: boolean,
): Promise<{ readonly bytes: Uint8Array; readonly name: string; readonly sha256: string }> {
  const image = await loadChecked(path);
  const { fileLength, manifest, seal, shape } = image.view;
  const problems = isForOther ? [] : misfits(ICEBREAKER_LIMITS, shape, fileLength);
  if (problems.length > 0) throw chipTooSmall(ICEBREAKER_LIMITS.name, manifest.name, problems);
  return { bytes: image.source.read(0, fileLength), name: manifest.name, sha256: hexOf(seal.sha256) };
}
