/** The options that say where tokens come from, the same in every command. */
import { option, optionWithDefault } from '../command.js';
import { integer, oneOf, path, text } from '../options.js';

/** What can compute tokens from an image. */
export const BACKENDS = ['reference', 'gpu'] as const;
export type BackendName = (typeof BACKENDS)[number];

export const imageOption = option('--image <file>', 'weight image (default: the shipped tales-9m)', path);

export const backendOption = option(
  '--backend <name>',
  `compute on this computer: ${BACKENDS.join(', ')} (default: the board that is plugged in, else the GPU if there is one, else reference)`,
  oneOf(BACKENDS),
);

/** For commands that compare or measure, and do not change their machine by themselves. */
export const computerOption = option(
  '--backend <name>',
  `what computes on this computer: ${BACKENDS.join(', ')} (default: reference)`,
  oneOf(BACKENDS),
);

/** What `device/selector.ts` reads. */
export const boardOption = option(
  '--board <selector>',
  'a board: its serial number, usb:VID:PID[:SERIAL], usb:BUS-PORT, serial:PATH[@BAUD], tcp:HOST:PORT or usbip:HOST[:PORT][/BUSID]',
  text,
);

export const waitOption = optionWithDefault(
  '--wait <seconds>',
  'wait so long for the board to come',
  integer({ min: 0, max: 86_400, example: 10 }),
  0,
);
