/** `mmfree pack --uf2`: firmware and image in the file that a Raspberry Pi Pico takes on its drive. */
import { factoryPieces, IMAGE_OFFSET } from '../../../firmware-host/virtual/pico/pico-flash.js';
import { readRegular } from '../../../model/files/input-file.js';
import { checkOutputs, writeOutput } from '../../../model/files/output-file.js';
import { encodeUf2, joinUf2, UF2_FAMILY } from '../../../protocol/uf2.js';
import type { CommandContext } from '../../command.js';
import { badValue, UsageError } from '../../usage-error.js';
import { describeImage, FACT_INDENT } from '../image-facts.js';
import { loadForPico, RP2040, RP2350, type PicoChip } from '../pico-firmware.js';
import type { PackInput } from './input.js';

const MEBIBYTE = 2 ** 20;

export async function packUf2(input: PackInput, { output, signal }: CommandContext): Promise<void> {
  refuseOptionsOfImages(input);
  const inputs = [input.checkpoint, ...(input.firmware === undefined ? [] : [input.firmware])];
  await checkOutputs([input.output], inputs);
  const firmware = await readFirmware(input.firmware, signal);
  const { image, fitting } = await loadForPico(input.checkpoint, [...firmware.keys()], signal);
  const { fileLength } = image.view;
  const bytes = image.source.read(0, fileLength);
  const files = fitting.map((chip) => encodeUf2(UF2_FAMILY[chip.family], factoryPieces(firmware.get(chip)!, bytes)));
  const file = joinUf2(files);
  await writeOutput(input.output, file, { inputs });
  const { facts, lines } = describeImage(image.view);
  const count = (number: number): string => number.toLocaleString('en-US');
  const perChip = [...firmware].map(([chip, { length }]) => {
    const free = chip.flashBytes - IMAGE_OFFSET - fileLength;
    const room = `${count(free)} of ${chip.flashBytes / MEBIBYTE} MiB are left`;
    const isIn = fitting.includes(chip);
    return `firmware      ${isIn ? `${count(length)} bytes for ${chip.name}; ${room}` : `none for ${chip.name}, which has no room for the model`}`;
  });
  const drives = fitting.map(({ drive }) => drive).join(' or ');
  output.printLines(
    [
      `${input.checkpoint} → ${input.output}`,
      ...lines,
      ...perChip,
      `next          hold BOOTSEL while you plug the board in, and drag the file onto the drive ${drives}`,
    ],
    FACT_INDENT,
  );
  output.result({
    ...facts,
    families: fitting.map(({ family }) => family),
    firmware_bytes: Object.fromEntries(fitting.map((chip) => [chip.family, firmware.get(chip)!.length])),
    uf2_bytes: file.length,
  });
}

/** Ours for each chip, or the one that is given, for the chip that would start it. @throws UsageError if none would */
async function readFirmware(path: string | undefined, signal: AbortSignal): Promise<ReadonlyMap<PicoChip, Uint8Array>> {
  const chips = [RP2040, RP2350];
  const read = async (file: string): Promise<Uint8Array> =>
    await readRegular(file, { limitBytes: IMAGE_OFFSET, signal });
  if (path === undefined) {
    return new Map(await Promise.all(chips.map(async (chip) => [chip, await read(chip.firmware)] as const)));
  }
  const bytes = await read(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const chip = chips.find(({ starts }) => starts(view));
  if (chip !== undefined) return new Map([[chip, bytes]]);
  const expected =
    `the first ${IMAGE_OFFSET.toLocaleString('en-US')} bytes at most of an RP2040’s flash (second stage, vectors, ` +
    'program) or an RP2350’s (vectors, IMAGE_DEF, program)';
  throw badValue('--firmware', path, expected, 'rp2040.bin');
}

/** They say what is in an image; here it is made already. @throws UsageError */
function refuseOptionsOfImages(input: PackInput): void {
  const given = Object.entries({
    '--name': input.name !== undefined,
    '--revision': input.revision !== 0,
    '--sign': input.sign !== undefined,
    '--program': input.program !== undefined,
    '--no-tokenizer': !input.tokenizer,
    '--no-chat-template': !input.chatTemplate,
    '--dfu': input.dfu,
  }).flatMap(([name, isGiven]) => (isGiven ? [name] : []));
  if (given.length === 0) return;
  throw new UsageError('conflicting-options', `--uf2 and ${given.join(', ')} exclude each other`, {
    reason: 'With --uf2 an image is put beside the firmware as it is; these say how an image is made.',
    fix: `Pack the checkpoint with ${given.join(', ')} first, and then the image with --uf2.`,
  });
}
