/** `mmfree flash`: declaration. */
import { argument, defineCommand, flag, option } from '../command.js';
import { integer, path, text } from '../options.js';
import { boardOption, keyFileOption, waitOption } from './shared/source-options.js';
import { traceOption, withTrace } from './shared/trace-option.js';

export const flash = defineCommand({
  examples: [
    'mmfree flash tales-9m.mmfree',
    'mmfree flash model.dfu --board usb:1209:0001:A-1 --wait 30',
    'mmfree flash model.mmfree --board serial:/dev/ttyACM0',
    'mmfree flash firmware.bin --board usb:1d50:6017 --dfu-alt flash',
    'mmfree flash firmware.bin --board usb:1d50:6017 --dfu-alt 1:0 --request-timeout 30',
  ],
  parameters: {
    image: argument('<image>', 'the weight image, or DFU file with one', path),
    board: boardOption,
    keyFile: keyFileOption,
    wait: waitOption,
    trace: traceOption,
    dryRun: flag('--dry-run', 'only say what would be written; the board refuses as it would'),
    dfuAlt: option(
      '--dfu-alt <name>',
      'send any file to this memory of a board of any make: name, number, or INTERFACE:NUMBER of a DFU alternate setting',
      text,
    ),
    requestTimeout: option(
      '--request-timeout <seconds>',
      'with --dfu-alt: let one USB request take so long (default: 5); some devices erase for seconds inside one',
      integer({ min: 1, max: 600, example: 30 }),
    ),
  },
  load: withTrace(async () => (await import('../work/flash/flash.js')).flash),
});
