/** `mmfree firmware build`: declaration. */
import { PORT_NAMES } from '../../../firmware-host/tools/port-names.js';
import { defineCommand, option, optionalArgument } from '../../command.js';
import { oneOf, path } from '../../options.js';

export const firmwareBuild = defineCommand({
  examples: ['mmfree firmware build', 'mmfree firmware build rp2350 -o build/rp2350.bin'],
  parameters: {
    port: optionalArgument(
      '[chip]',
      'rp2040 (Raspberry Pi Pico) unless given, rp2350 (Pico 2), or musca-b1 (an ELF file for QEMU)',
      oneOf(PORT_NAMES),
    ),
    output: option('-o, --output <file>', 'the file to write (default: rp2040.bin, by the chip)', path),
  },
  load: async () => (await import('../../work/firmware/build.js')).firmwareBuild,
});
