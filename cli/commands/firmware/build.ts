/** `mmfree firmware build`: declaration. */
import { PORT_NAMES, RP2040_MHZ } from '../../../firmware-host/tools/port-names.js';
import { defineCommand, option, optionalArgument } from '../../command.js';
import { oneOf, path } from '../../options.js';

export const firmwareBuild = defineCommand({
  examples: [
    'mmfree firmware build',
    'mmfree firmware build rp2350 -o build/rp2350.bin',
    'mmfree firmware build --mhz 200',
  ],
  parameters: {
    port: optionalArgument(
      '[chip]',
      'rp2040 (Raspberry Pi Pico) unless given, rp2350 (Pico 2), or musca-b1 (an ELF file for QEMU)',
      oneOf(PORT_NAMES),
    ),
    mhz: option(
      '--mhz <number>',
      "clock of an RP2040's processors: 125 unless given, or 200, for which the core gets 1.15 V",
      oneOf(RP2040_MHZ),
    ),
    output: option('-o, --output <file>', 'the file to write (default: rp2040.bin, by the chip)', path),
  },
  load: async () => (await import('../../work/firmware/build.js')).firmwareBuild,
});
