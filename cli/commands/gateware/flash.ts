/** `mmfree gateware flash`: declaration. */
import { defineCommand, flag, option, optionWithDefault } from '../../command.js';
import { decimal, path, text } from '../../options.js';
import { waitOption } from '../shared/source-options.js';

export const gatewareFlash = defineCommand({
  examples: [
    'mmfree gateware flash --bitstream icebreaker.bin --image tales-9m.mmfree',
    'mmfree gateware flash --image model.mmfree --board usb:0403:6010',
    'mmfree gateware flash --bitstream icebreaker.bin --board usbip:127.0.0.1 --dry-run',
  ],
  parameters: {
    bitstream: option('--bitstream <file>', 'the FPGA’s configuration, written to address 0', path),
    image: option('--image <file>', 'the weight image, written to 0x100000 (1 MiB)', path),
    board: option(
      '--board <selector>',
      'the board: its serial number, usb:VID:PID[:SERIAL], usb:BUS-PORT or usbip:HOST[:PORT][/BUSID] (default: the only FT2232H)',
      text,
    ),
    wait: waitOption,
    dryRun: flag('--dry-run', 'only say what would be written; the FPGA restarts all the same'),
    unprotect: flag('--unprotect', 'clear the block-protect bits of the flash if they are set'),
    ownGateware: flag(
      '--own-gateware',
      'the board has other gateware: check neither its limits nor which flash it can read from',
    ),
    spiMhz: optionWithDefault(
      '--spi-mhz <number>',
      'clock of the flash; the fastest below that the FT2232H has is used',
      decimal({ min: 0.1, max: 30, example: 6 }),
      15,
    ),
  },
  load: async () => (await import('../../work/gateware/flash.js')).gatewareFlash,
});
