/** `mmfree pack --uf2`: firmware and image in the file that a Raspberry Pi Pico takes on its drive. */
import { RAM, RAM_BYTES } from '../../../firmware-host/virtual/pico/bus.js';
import { FLASH_BYTES, FLASH_WINDOW, IMAGE_OFFSET } from '../../../firmware-host/virtual/pico/pico-flash.js';
import { readRegular } from '../../../model/files/input-file.js';
import { checkOutputs, writeOutput } from '../../../model/files/output-file.js';
import { encodeUf2, UF2_FAMILY } from '../../../protocol/uf2.js';
import type { CommandContext } from '../../command.js';
import { badValue, UsageError } from '../../usage-error.js';
import { describeImage, FACT_INDENT } from '../image-facts.js';
import { loadForPico, PICO_FIRMWARE } from '../pico-firmware.js';
import type { PackInput } from './input.js';

/** The initial stack pointer, behind the second stage, is in RAM: so begins a flash that the boot ROM starts. */
const STACK_POINTER_AT = 256;

export async function packUf2(input: PackInput, { output, signal }: CommandContext): Promise<void> {
  refuseOptionsOfImages(input);
  const firmwarePath = input.firmware ?? PICO_FIRMWARE;
  await checkOutputs([input.output], [input.checkpoint, firmwarePath]);
  const firmware = await readFirmware(firmwarePath, signal);
  const image = await loadForPico(input.checkpoint, signal);
  const { fileLength } = image.view;
  const file = encodeUf2(UF2_FAMILY.rp2040, [
    { address: FLASH_WINDOW, bytes: firmware },
    { address: FLASH_WINDOW + IMAGE_OFFSET, bytes: image.source.read(0, fileLength) },
  ]);
  await writeOutput(input.output, file, { inputs: [input.checkpoint, firmwarePath] });
  const { facts, lines } = describeImage(image.view);
  const free = FLASH_BYTES - IMAGE_OFFSET - fileLength;
  output.printLines(
    [
      `${input.checkpoint} → ${input.output}`,
      ...lines,
      `firmware      ${firmware.length.toLocaleString('en-US')} bytes for RP2040; ${free.toLocaleString('en-US')} of 2 MiB are left`,
      'next          hold BOOTSEL while you plug the board in, and drag the file onto the drive RPI-RP2',
    ],
    FACT_INDENT,
  );
  output.result({ ...facts, families: ['rp2040'], firmware_bytes: firmware.length, uf2_bytes: file.length });
}

/** @throws UsageError if no RP2040 would start it */
async function readFirmware(path: string, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = await readRegular(path, { limitBytes: IMAGE_OFFSET, signal });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const stack = bytes.length >= STACK_POINTER_AT + 4 ? view.getUint32(STACK_POINTER_AT, true) : 0;
  if (stack > RAM && stack <= RAM + RAM_BYTES) return bytes;
  const expected = `the first ${IMAGE_OFFSET.toLocaleString('en-US')} bytes of an RP2040’s flash at most: second stage, vectors, program`;
  throw badValue('--firmware', path, expected, 'build/rp2040.bin');
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
